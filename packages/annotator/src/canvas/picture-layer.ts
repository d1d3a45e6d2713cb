/** The picture with halved copies, so that a zoomed-out view is smooth and quick to draw whatever the picture's size. */
import type { Size } from '../geometry.ts';
import { levelFor, type View, visibleBox } from '../state/view.ts';

/** Halving stops at this size of the longer side. */
const SMALLEST = 512;

type Source = ImageBitmap | HTMLCanvasElement;

/** Draws one source scaled by 2^level under a view; only what is in sight is touched. */
export function drawLevel(
  context: CanvasRenderingContext2D,
  source: Source,
  level: number,
  view: View,
  picture: Size,
  screen: Size,
): void {
  const box = visibleBox(view, picture, screen);
  if (box.right <= box.left || box.bottom <= box.top) return;
  const factor = 2 ** level;
  const [left, top] = [Math.floor(box.left / factor), Math.floor(box.top / factor)];
  const right = Math.min(source.width, Math.ceil(box.right / factor));
  const bottom = Math.min(source.height, Math.ceil(box.bottom / factor));
  const scale = view.scale * factor;
  context.drawImage(
    source,
    left,
    top,
    right - left,
    bottom - top,
    view.x + left * scale,
    view.y + top * scale,
    (right - left) * scale,
    (bottom - top) * scale,
  );
}

export class PictureLayer {
  private levels: Source[] = [];
  private picture: ImageBitmap | null = null;
  private full: Uint8ClampedArray | null = null;

  /** Takes a picture; the same one again costs nothing. */
  setPicture(picture: ImageBitmap): void {
    if (picture === this.picture) return;
    this.picture = picture;
    this.full = null;
    this.levels = [picture];
    for (let last: Source = picture; Math.max(last.width, last.height) > SMALLEST; ) {
      const half = document.createElement('canvas');
      half.width = Math.ceil(last.width / 2);
      half.height = Math.ceil(last.height / 2);
      const context = half.getContext('2d', { alpha: false }) as CanvasRenderingContext2D;
      context.imageSmoothingQuality = 'medium';
      context.drawImage(last, 0, 0, last.width / 2, last.height / 2);
      this.levels.push(half);
      last = half;
    }
  }

  /** The picture's own pixels, four bytes each; decoded on first use. */
  pixels(): Uint8ClampedArray | null {
    if (!this.picture) return null;
    if (!this.full) {
      const { width, height } = this.picture;
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
      context.drawImage(this.picture, 0, 0);
      this.full = context.getImageData(0, 0, width, height).data;
    }
    return this.full;
  }

  /** @param ratio device pixels a CSS pixel; the context is scaled by it. */
  draw(context: CanvasRenderingContext2D, view: View, picture: Size, screen: Size, ratio: number): void {
    if (this.levels.length === 0) return;
    const level = levelFor(view.scale * ratio, this.levels.length);
    // Above 100 % every pixel is a square; below, neighbours are mixed.
    context.imageSmoothingEnabled = view.scale * ratio < 1;
    context.imageSmoothingQuality = 'low';
    drawLevel(context, this.levels[level], level, view, picture, screen);
  }
}
