/** Reading what check.py laid out: arrays of goldens, and pictures. */

/** An array of a golden file, as check.py lays it out. */
interface Stored {
  readonly file: string;
  readonly dtype: "uint8" | "float32" | "float64";
  readonly shape: readonly number[];
}

export type Numbers = Uint8Array | Float32Array | Float64Array;
export type Goldens = Record<string, { readonly shape: readonly number[]; readonly data: Numbers }>;

const KINDS = { uint8: Uint8Array, float32: Float32Array, float64: Float64Array };
/** Where the tests serve the package's assets. */
export const ASSETS = "/assets/";

export async function goldens(name: string): Promise<Goldens> {
  const index = (await (await fetch(`/data/${name}.json`)).json()) as Record<string, Stored>;
  const read = async ([key, { file, dtype, shape }]: [string, Stored]) => {
    const buffer = await (await fetch(`/data/${file}`)).arrayBuffer();
    return [key, { shape, data: new KINDS[dtype](buffer) }] as const;
  };
  return Object.fromEntries(await Promise.all(Object.entries(index).map(read)));
}

/** Row `i` of an array, along its first axis. */
export function row({ shape, data }: Goldens[string], i: number): Numbers {
  const size = shape.slice(1).reduce((product, length) => product * length, 1);
  return data.subarray(i * size, (i + 1) * size);
}

export function apart(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Infinity;
  let most = 0;
  for (let i = 0; i < found.length; i++) {
    const difference = Math.abs(found[i]! - expected[i]!);
    // NaN is beyond every tolerance.
    most = difference <= most ? most : Number.isNaN(difference) ? Infinity : difference;
  }
  return most;
}

export function rgba(rgb: Numbers, width: number, height: number): ImageData {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data.set([rgb[i * 3]!, rgb[i * 3 + 1]!, rgb[i * 3 + 2]!, 255], i * 4);
  }
  return image;
}

export interface Picture {
  readonly image: ImageData;
  readonly timestamp?: number;
}

/** The pictures that check.py laid out under a name. */
export async function listed(name: string): Promise<Picture[]> {
  type Entry = { width: number; height: number; file: string; timestamp?: number };
  const entries = (await (await fetch(`/data/${name}.json`)).json()) as Entry[];
  return Promise.all(
    entries.map(async ({ file, width, height, ...rest }) => {
      const pixels = new Uint8Array(await (await fetch(`/data/${file}`)).arrayBuffer());
      return { image: rgba(pixels, width, height), ...rest };
    }),
  );
}
