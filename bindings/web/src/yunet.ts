/** YuNet: all faces of a frame in one pass, on frames of any size. */
import { download, downloadChecked } from "./bundle.js";
import {
  candidatesOf,
  inFrame,
  reducedShape,
  type Candidate,
  type Reduced,
  type YuNetSpec,
} from "./candidates.js";
import { BundleError, said } from "./errors.js";
import { Model } from "./run.js";
import type { Frame, Pixels } from "./types.js";
import { warp } from "./warp.js";

/** Input sizes whose memory is kept: a stream needs one or two, an album a few. */
const KEPT_SIZES = 4;

/** The network; its model is loaded once for each size of its input. */
export class YuNet {
  /** By "rows x columns", the latest last. */
  private readonly models = new Map<string, Model>();

  private constructor(
    readonly spec: YuNetSpec,
    private readonly bytes: Uint8Array<ArrayBuffer>,
    private readonly threads: number,
  ) {}

  /** Load `detector.json` and its model from a folder. Throws BundleError or ChecksumError. */
  static async load(folder: string, threads: number): Promise<YuNet> {
    const url = new URL("detector.json", folder).href;
    const text = new TextDecoder().decode(await download(url));
    let spec: YuNetSpec;
    try {
      spec = JSON.parse(text) as YuNetSpec;
    } catch (error) {
      throw new BundleError(`${url}: not valid JSON (${said(error)}); copy the assets again`);
    }
    const bytes = await downloadChecked(new URL(spec.file, folder).href, spec.sha256);
    return new YuNet(spec, bytes, threads);
  }

  /** Candidates of a frame that is reduced so that `side` holds it and turned by `quarters`. */
  async find(frame: Frame, side: number, quarters: number): Promise<Candidate[]> {
    const shape = reducedShape(frame.height, frame.width, side, this.spec.strides.at(-1)!);
    const { rows, columns, scale } = shape;
    const shift = scale / 2 - 0.5; // pixel centres: the frame's corner stays the corner
    const matrix = { a: scale, b: 0, tx: shift, c: 0, d: scale, ty: shift };
    const view = warp(frame, matrix, columns, rows, "black");
    const turned: Reduced = quarters % 2 ? { rows: columns, columns: rows, scale } : shape;
    const model = await this.modelOf(turned);
    const maps = await model.run(turnedPixels(view, quarters));
    maps.sort((a, b) => b.length - a.length);
    const found = candidatesOf(maps, turned.columns, this.spec);
    return found.map((each) => inFrame(each, quarters, shape));
  }

  /** The model for an input of that size, which is written into the file: see `sizes_at`. */
  private async modelOf({ rows, columns }: Reduced): Promise<Model> {
    const key = `${rows} x ${columns}`;
    let model = this.models.get(key);
    this.models.delete(key);
    if (model === undefined) {
      const bytes = this.bytes.slice();
      const numbers = new DataView(bytes.buffer);
      for (const { byte, stride } of this.spec.sizes_at) {
        numbers.setInt32(byte, rows / stride, true);
        numbers.setInt32(byte + 4, columns / stride, true);
      }
      model = await Model.load(bytes, this.spec.file, this.threads);
    }
    this.models.set(key, model);
    if (this.models.size > KEPT_SIZES) {
      const [[oldest, unused]] = this.models as unknown as [[string, Model]];
      this.models.delete(oldest);
      unused.close();
    }
    return model;
  }
}

/** The network's input: an RGB view turned counter-clockwise by quarters. */
function turnedPixels(
  { data, width, height }: Pixels,
  quarters: number,
): Float32Array<ArrayBuffer> {
  if (quarters === 0) return Float32Array.from(data);
  const [rows, columns] = quarters % 2 ? [width, height] : [height, width];
  const input = new Float32Array(data.length);
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let [y, x] = [height - 1 - row, width - 1 - column];
      if (quarters === 1) [y, x] = [column, width - 1 - row];
      if (quarters === 3) [y, x] = [height - 1 - column, row];
      const from = (y * width + x) * 3;
      for (let k = 0; k < 3; k++) input[to++] = data[from + k]!;
    }
  }
  return input;
}
