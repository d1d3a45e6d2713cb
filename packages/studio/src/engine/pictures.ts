/** Pictures as the page shows them: upright, 8 bits, small or whole. */
import { type RgbImage, readImage, type Window } from '@adclick/core';
import { type DecodedImage, encodeJpeg, encodePng, ownWindow, resizeRgb, toRgb } from '@adclick/core/image';
import type { Calls, EncodedPicture } from './protocol.ts';

type Request = Calls['picture']['request'];

/** Longer side of a thumbnail. */
const THUMBNAIL = 256;
/** Larger pictures go as JPEG, which is a fraction of the size; smaller ones as PNG, so that pixels are exact when zoomed. */
const PNG_PIXELS = 1_500_000;

/** What the models see of a picture, or what they would if it were the only one. */
function seenThrough(image: DecodedImage, windows: Request['windows']): { window: Window; provisional: boolean } {
  const { range, type } = image;
  if (type === 'uint8' || windows === undefined) return { window: range, provisional: false };
  const known = windows === 'own' ? undefined : windows[type];
  if (known) return { window: known, provisional: false };
  return { window: ownWindow(image) ?? range, provisional: true };
}

/** Encodes a picture for the page, as the models see it unless it is asked for otherwise. @throws ADC_IMAGE_…. */
export async function encodePicture({ picture, size, windows, low, high }: Request): Promise<EncodedPicture> {
  const image = await readImage(picture.path);
  const { window, provisional } = seenThrough(image, windows);
  const at = (value: number) => window.low + (value / 65_535) * (window.high - window.low);
  const asked = low !== undefined || high !== undefined;
  const rgb = toRgb(image, asked ? { low: at(low ?? 0), high: at(high ?? 65_535) } : window);
  return { ...(await encode(rgb, size)), provisional };
}

async function encode(rgb: RgbImage, size: Request['size']): Promise<EncodedPicture> {
  if (size === 'thumbnail') {
    const scale = Math.min(1, THUMBNAIL / Math.max(rgb.width, rgb.height));
    const side = (pixels: number) => Math.max(1, Math.round(pixels * scale));
    const small = resizeRgb(rgb, side(rgb.width), side(rgb.height));
    return { bytes: await encodeJpeg(small, 80), type: 'image/jpeg' };
  }
  if (rgb.width * rgb.height <= PNG_PIXELS) return { bytes: await encodePng(rgb), type: 'image/png' };
  return { bytes: await encodeJpeg(rgb, 92), type: 'image/jpeg' };
}
