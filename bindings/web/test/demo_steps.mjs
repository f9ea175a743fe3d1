export async function demoOfCamera() { return null; }
export async function demoWithoutCamera() { return null; }
