/** The camera: opening one, listing them, and saying in plain words why there is none. */

/** What to tell somebody whose camera cannot be used. */
export interface Trouble {
  readonly title: string;
  readonly text: string;
}

/** Start a camera and show it; `ended` is called once if it goes away by itself. */
export async function openCamera(
  video: HTMLVideoElement,
  deviceId: string | undefined,
  ended: () => void,
): Promise<MediaStream> {
  const size = { width: { ideal: 640 }, height: { ideal: 480 } };
  const wanted = deviceId
    ? { ...size, deviceId: { exact: deviceId } }
    : { ...size, facingMode: "user" };
  if (!navigator.mediaDevices) throw new DOMException("no media devices", "SecurityError");
  const stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
  stream.getVideoTracks()[0]!.addEventListener("ended", ended, { once: true });
  video.srcObject = stream;
  await video.play();
  return stream;
}

export function closeCamera(video: HTMLVideoElement): void {
  (video.srcObject as MediaStream | null)?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

/** Fill the picker; names are known once a camera was allowed. */
export async function listCameras(
  picker: HTMLSelectElement,
  current: string | undefined,
): Promise<void> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput");
  picker.replaceChildren(
    ...cameras.map((camera, i) => new Option(camera.label || `Camera ${i + 1}`, camera.deviceId)),
  );
  if (current) picker.value = current;
  picker.disabled = cameras.length === 0;
}

/** The words for an error of `openCamera`. */
export function explain(error: unknown): Trouble {
  const name = error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
      return {
        title: "The camera is blocked",
        text: "Allow it for this page in the address bar, then start again. A photo works without it.",
      };
    case "NotFoundError":
    case "OverconstrainedError":
      return {
        title: "No camera found",
        text: "Plug one in and start again, or choose a photo.",
      };
    case "NotReadableError":
    case "AbortError":
      return {
        title: "The camera is in use",
        text: "Close the other program that uses it, then start again.",
      };
    case "SecurityError":
      return {
        title: "This page may not use a camera",
        text: "Browsers allow it on https and on localhost only. A photo works all the same.",
      };
    default:
      return { title: "The camera does not start", text: String(error) };
  }
}
