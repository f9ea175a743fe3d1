/** Input images: what the caller passes becomes a message for the worker, or a FrameError. */
import { FrameError, said } from "./errors.js";
import type { Frame } from "./types.js";

/** What `predict` takes. */
export type FrameSource = HTMLVideoElement | HTMLImageElement | ImageBitmap | ImageData;

/** What crosses to the worker; both can be handed over without a copy. */
export type FrameMessage = ImageBitmap | ImageData;

const SMALLEST_SIDE = 2;

/** A message that the worker may keep; the caller's image stays usable. Throws FrameError. */
export async function toMessage(source: FrameSource): Promise<FrameMessage> {
  if (source instanceof ImageData) return copyOf(checkPixels(source));
  const [width, height] = sizeOf(source);
  if (!(width >= SMALLEST_SIDE && height >= SMALLEST_SIDE)) {
    throw new FrameError(
      `frame is ${width} x ${height} px; expected sides of at least ${SMALLEST_SIDE} px`,
    );
  }
  try {
    return await createImageBitmap(source);
  } catch (error) {
    throw new FrameError(`frame cannot be read (${said(error)}); expected a decoded image`);
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

function sizeOf(source: Exclude<FrameSource, ImageData>): [number, number] {
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
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  throw new FrameError(
    `frame is ${kind}; expected a video or image element, an ImageBitmap or an ImageData`,
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

/** The pixels of a copy with its alpha laid on white, rounded to the nearest. */
function onWhite(message: ImageData): ImageData {
  const { data } = message;
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3]!;
    if (alpha === 255) continue;
    for (let c = i; c < i + 3; c++) data[c] = (data[c]! * alpha + 255 * (255 - alpha)) / 255;
    data[i + 3] = 255;
  }
  return message;
}

function copyOf({ data, width, height }: ImageData): ImageData {
  return new ImageData(new Uint8ClampedArray(data), width, height);
}
