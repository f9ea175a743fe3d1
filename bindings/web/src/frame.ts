/** Input images: what the caller passes becomes a message for the worker, or a FrameError. */
import { FrameError, said } from "./errors.js";
import type { Frame } from "./types.js";

/** What `predict` takes; a `Blob` is an image file, as an input element or `fetch` gives it. */
export type FrameSource =
  | HTMLVideoElement
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | ImageData
  | VideoFrame
  | Blob;

/** What crosses to the worker; both can be handed over without a copy. */
export type FrameMessage = ImageBitmap | ImageData;

const SMALLEST_SIDE = 2;

/** A message that the worker may keep; the caller's image stays usable. Throws FrameError. */
export async function toMessage(source: FrameSource): Promise<FrameMessage> {
  if (source instanceof ImageData) return copyOf(checkPixels(source));
  if (!(source instanceof Blob)) checkSides(...sizeOf(source));
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(source);
  } catch (error) {
    throw new FrameError(`frame cannot be read (${said(error)}); expected a decoded image`);
  }
  if (source instanceof Blob) checkSides(bitmap.width, bitmap.height);
  checkOrigin(source, bitmap);
  return bitmap;
}

function checkSides(width: number, height: number): void {
  if (width >= SMALLEST_SIDE && height >= SMALLEST_SIDE) return;
  throw new FrameError(
    `frame is ${width} x ${height} px; expected sides of at least ${SMALLEST_SIDE} px`,
  );
}

/** Pixels of another site are refused here, where an error can say why: the worker could not. */
function checkOrigin(source: FrameSource, bitmap: ImageBitmap): void {
  const drawn = source instanceof HTMLCanvasElement || source instanceof OffscreenCanvas;
  const address =
    source instanceof HTMLImageElement || source instanceof HTMLVideoElement
      ? source.currentSrc
      : "";
  const elsewhere = address !== "" && new URL(address, document.baseURI).origin !== location.origin;
  if (!drawn && !elsewhere) return;
  const context = new OffscreenCanvas(1, 1).getContext("2d")!;
  context.drawImage(bitmap, 0, 0, 1, 1, 0, 0, 1, 1);
  try {
    context.getImageData(0, 0, 1, 1);
  } catch {
    bitmap.close();
    throw new FrameError(
      "the picture comes from another site, which keeps its pixels from this page; expected one " +
        'of this site, or crossOrigin = "anonymous" on the element and CORS headers of the other',
    );
  }
}

/** What has to be handed over with a message. */
export function transferOf(message: FrameMessage): Transferable[] {
  return message instanceof ImageBitmap ? [message] : [message.data.buffer];
}

let canvas: OffscreenCanvas | undefined;

/** The pixels of a message, in the worker. */
export function toFrame(message: FrameMessage): Frame {
  if (message instanceof ImageData) return onWhite(message);
  const { width, height } = message;
  canvas ??= new OffscreenCanvas(width, height);
  if (canvas.width !== width || canvas.height !== height) {
    [canvas.width, canvas.height] = [width, height];
  }
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "white"; // what is transparent lies on white, never on the frame before
  context.fillRect(0, 0, width, height);
  context.drawImage(message, 0, 0);
  message.close();
  return context.getImageData(0, 0, width, height);
}

function sizeOf(source: Exclude<FrameSource, ImageData | Blob>): [number, number] {
  if (source instanceof HTMLVideoElement) {
    if (source.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      throw new FrameError("the video shows no frame yet; wait for its `playing` event");
    }
    return [source.videoWidth, source.videoHeight];
  }
  if (source instanceof HTMLImageElement) {
    if (!source.complete || source.naturalWidth === 0) {
      throw new FrameError("the image is not loaded, or broken; await image.decode() first");
    }
    return [source.naturalWidth, source.naturalHeight];
  }
  if (source instanceof ImageBitmap) {
    if (source.width === 0) throw new FrameError("the ImageBitmap is closed; expected an open one");
    return [source.width, source.height];
  }
  if (source instanceof HTMLCanvasElement || source instanceof OffscreenCanvas) {
    return [source.width, source.height];
  }
  if (typeof VideoFrame !== "undefined" && source instanceof VideoFrame) {
    if (source.format === null && source.codedWidth === 0) {
      throw new FrameError("the VideoFrame is closed; expected an open one");
    }
    return [source.displayWidth, source.displayHeight];
  }
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  throw new FrameError(
    `frame is ${kind}; expected a video, image or canvas element, an ImageBitmap, ` +
      "ImageData, VideoFrame or Blob",
  );
}

function checkPixels(source: ImageData): ImageData {
  if (!(source.data instanceof Uint8ClampedArray)) {
    throw new FrameError("the ImageData holds floats; expected 8 bits a channel (rgba-unorm8)");
  }
  if (Math.min(source.width, source.height) < SMALLEST_SIDE) {
    throw new FrameError(
      `frame is ${source.width} x ${source.height} px; expected sides of at least ` +
        `${SMALLEST_SIDE} px`,
    );
  }
  return source;
}

/**
 * The frame with white under what is transparent, rounded to the nearest; the frame itself where it
 * is opaque. `predict` and streams do it; do it before stages that you call yourself.
 */
export function onWhite(frame: Frame): Frame {
  const { width, height, data } = frame;
  let opaque = 255;
  for (let i = 3; i < data.length; i += 4) opaque &= data[i]!;
  if (opaque === 255) return frame;
  const made = new Uint8ClampedArray(data);
  for (let i = 0; i < made.length; i += 4) {
    const alpha = made[i + 3]!;
    for (let c = i; c < i + 3; c++) made[c] = (made[c]! * alpha + 255 * (255 - alpha)) / 255;
    made[i + 3] = 255;
  }
  return { width, height, data: made };
}

function copyOf({ data, width, height }: ImageData): ImageData {
  return new ImageData(new Uint8ClampedArray(data), width, height);
}
