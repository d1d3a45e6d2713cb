/** Contrast from the picture itself: from its dark to its bright hundredth. */
import type { GreyWindow } from '../api/client.ts';

/** Pixels of the longer side that are looked at; more change nothing. */
const SAMPLED = 256;
const TAIL = 0.01;

/** Grey values (of 65535) between which all but the darkest and brightest hundredth of the picture lies. */
export function autoWindow(picture: ImageBitmap): GreyWindow {
  const scale = Math.min(1, SAMPLED / Math.max(picture.width, picture.height));
  const [width, height] = [Math.ceil(picture.width * scale), Math.ceil(picture.height * scale)];
  const context = new OffscreenCanvas(width, height).getContext('2d') as OffscreenCanvasRenderingContext2D;
  context.drawImage(picture, 0, 0, width, height);
  return greyWindow(context.getImageData(0, 0, width, height).data);
}

/** The same of pixels, four bytes each. */
export function greyWindow(rgba: Uint8ClampedArray): GreyWindow {
  const counts = new Uint32Array(256);
  for (let i = 0; i < rgba.length; i += 4) counts[Math.round((rgba[i] + rgba[i + 1] + rgba[i + 2]) / 3)]++;
  const most = (rgba.length / 4) * TAIL;
  let [low, high] = [0, 255];
  for (let sum = counts[0]; sum <= most && low < 254; sum += counts[low]) low++;
  for (let sum = counts[255]; sum <= most && high > low + 1; sum += counts[high]) high--;
  return { low: low * 257, high: high * 257 };
}
