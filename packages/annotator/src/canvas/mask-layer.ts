/** Paints the indexed mask bitmap: each level is coloured into a canvas of its own, and only where it has changed. */
import { type Box, clipBox, isEmptyBox, type Size, wholeBox } from '../geometry.ts';
import type { IndexLevel, MaskBitmap } from '../raster/mask-bitmap.ts';
import { levelFor, type View } from '../state/view.ts';
import { drawLevel } from './picture-layer.ts';

/** Alpha of the inside; outlines are opaque, so that a faint mask still has a clear edge. */
const INSIDE = 150;

/** Colours by slot as ABGR words, the byte order of canvas pixels on every machine browsers run on. */
interface Inks {
  readonly inside: Uint32Array;
  readonly edge: Uint32Array;
}

function inksOf(colours: readonly string[]): Inks {
  const [inside, edge] = [new Uint32Array(256), new Uint32Array(256)];
  for (const [i, colour] of colours.entries()) {
    const rgb = Number.parseInt(colour.slice(1), 16);
    const bgr = ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16);
    inside[i + 1] = ((INSIDE << 24) | bgr) >>> 0;
    edge[i + 1] = ((255 << 24) | bgr) >>> 0;
  }
  return { inside, edge };
}

/** Colours a box of a level: a pixel with another slot above, below, left or right is edge. */
function colourBox({ data, width, height }: IndexLevel, box: Box, { inside, edge }: Inks): ImageData {
  const image = new ImageData(box.right - box.left, box.bottom - box.top);
  const words = new Uint32Array(image.data.buffer);
  for (let y = box.top, out = 0; y < box.bottom; y++)
    for (let x = box.left, i = y * width + x; x < box.right; x++, i++, out++) {
      const slot = data[i];
      if (slot === 0) continue;
      const inner =
        (x === 0 || data[i - 1] === slot) &&
        (x === width - 1 || data[i + 1] === slot) &&
        (y === 0 || data[i - width] === slot) &&
        (y === height - 1 || data[i + width] === slot);
      words[out] = inner ? inside[slot] : edge[slot];
    }
  return image;
}

interface Painted {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  /** What has changed since it was last painted, in pixels of the level. */
  stale: Box | null;
}

export class MaskLayer {
  private mask: MaskBitmap | null = null;
  private painted: (Painted | undefined)[] = [];
  private inks: Inks = inksOf([]);
  private colours = '';

  /** Takes a mask and the colour of every type. Cheap when nothing has changed. */
  update(mask: MaskBitmap, colourOf: (type: number) => string): void {
    const colours = mask.slotTypes().map(colourOf);
    const dirty = mask.takeDirty();
    if (mask !== this.mask) {
      this.mask = mask;
      this.painted = [];
    }
    if (colours.join() !== this.colours) {
      this.colours = colours.join();
      this.inks = inksOf(colours);
      this.spoil(wholeBox(mask));
    } else if (dirty) this.spoil(dirty);
  }

  /** Draws the level that suits the zoom. @param ratio device pixels a CSS pixel. */
  draw(context: CanvasRenderingContext2D, view: View, screen: Size, opacity: number, ratio: number): void {
    const { mask } = this;
    if (!mask || mask.slotTypes().length === 0) return;
    const level = levelFor(view.scale * ratio, mask.levels.length);
    const painted = this.paint(mask, level);
    context.globalAlpha = opacity;
    context.imageSmoothingEnabled = view.scale * ratio < 1;
    context.imageSmoothingQuality = 'low';
    drawLevel(context, painted.canvas, level, view, mask, screen);
    context.globalAlpha = 1;
  }

  private spoil(box: Box): void {
    for (const [level, painted] of this.painted.entries()) {
      if (!painted) continue;
      const factor = 2 ** level;
      // One pixel more on each side: neighbours of a changed pixel may become edge or inside.
      const own = {
        left: Math.floor(box.left / factor) - 1,
        top: Math.floor(box.top / factor) - 1,
        right: Math.ceil(box.right / factor) + 1,
        bottom: Math.ceil(box.bottom / factor) + 1,
      };
      const { stale } = painted;
      painted.stale = stale
        ? {
            left: Math.min(stale.left, own.left),
            top: Math.min(stale.top, own.top),
            right: Math.max(stale.right, own.right),
            bottom: Math.max(stale.bottom, own.bottom),
          }
        : own;
    }
  }

  private paint(mask: MaskBitmap, level: number): Painted {
    const index = mask.levels[level];
    let painted = this.painted[level];
    if (!painted) {
      const canvas = document.createElement('canvas');
      canvas.width = index.width;
      canvas.height = index.height;
      const context = canvas.getContext('2d') as CanvasRenderingContext2D;
      painted = { canvas, context, stale: wholeBox(index) };
      this.painted[level] = painted;
    }
    const box = painted.stale && clipBox(painted.stale, index);
    if (box && !isEmptyBox(box)) painted.context.putImageData(colourBox(index, box, this.inks), box.left, box.top);
    painted.stale = null;
    return painted;
  }
}
