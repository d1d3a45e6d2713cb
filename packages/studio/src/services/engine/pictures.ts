/** Pictures as the page shows them: upright, 8 bits, small or whole. */
import { encodeJpeg, encodePng, readImage, resizeRgb, toRgb } from '@adclick/core';
import type { Calls, EncodedPicture } from './protocol.ts';

/** Longer side of a thumbnail. */
const THUMBNAIL = 256;
/** Larger pictures go as JPEG, which is a fraction of the size; smaller ones as PNG, so that pixels are exact when zoomed. */
const PNG_PIXELS = 1_500_000;

/** Encodes a picture for the page. @throws ADC_IMAGE_…. */
export async function encodePicture({
  picture,
  size,
  low,
  high,
}: Calls['picture']['request']): Promise<EncodedPicture> {
  const image = await readImage(picture.path);
  const full = image.range.high - image.range.low;
  const at = (value: number) => image.range.low + (value / 65_535) * full;
  const window = low === undefined && high === undefined ? undefined : { low: at(low ?? 0), high: at(high ?? 65_535) };
  const rgb = toRgb(image, window);
  if (size === 'thumbnail') {
    const scale = Math.min(1, THUMBNAIL / Math.max(rgb.width, rgb.height));
    const side = (pixels: number) => Math.max(1, Math.round(pixels * scale));
    const small = resizeRgb(rgb, side(rgb.width), side(rgb.height));
    return { bytes: await encodeJpeg(small, 80), type: 'image/jpeg' };
  }
  if (rgb.width * rgb.height <= PNG_PIXELS) return { bytes: await encodePng(rgb), type: 'image/png' };
  return { bytes: await encodeJpeg(rgb, 92), type: 'image/jpeg' };
}
