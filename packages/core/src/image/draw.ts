/** Overlays for reports: mask tint and contour, heat maps, click marks. */
import { type Colour, heatColour } from './heat.ts';
import type { GivenPoint } from './points.ts';
import type { Window } from './samples.ts';
import type { Mask, Plane, RgbImage } from './types.ts';

const DEFECT_COLOUR: Colour = [255, 64, 32];
const POSITIVE_CLICK: Colour = [0, 190, 60];
const NEGATIVE_CLICK: Colour = [225, 20, 30];
const WHITE: Colour = [255, 255, 255];

const blend = (data: Uint8Array, at: number, colour: Colour, opacity: number) => {
  for (let c = 0; c < 3; c++) data[at + c] = Math.round(data[at + c] * (1 - opacity) + colour[c] * opacity);
};

/** A map in heat colours, for instance laid over its picture. @param window values of the darkest and brightest colour, default 0–1. */
export function drawHeat(
  plane: Plane,
  window: Window = { low: 0, high: 1 },
  under?: RgbImage,
  opacity = 0.6,
): RgbImage {
  const { width, height } = plane;
  if (under && (under.width !== width || under.height !== height))
    throw new RangeError(`drawHeat: map ${width} x ${height}, picture ${under.width} x ${under.height}`);
  const data = under ? under.data.slice() : new Uint8Array(width * height * 3);
  const palette = Array.from({ length: 256 }, (_, i) => heatColour(i / 255));
  const scale = 255 / Math.max(window.high - window.low, Number.MIN_VALUE);
  for (let i = 0; i < plane.data.length; i++) {
    const level = Math.min(255, Math.max(0, Math.round((plane.data[i] - window.low) * scale) || 0));
    blend(data, i * 3, palette[level], under ? opacity : 1);
  }
  return { data, width, height, channels: 3 };
}

/** Where a click goes on the picture. */
export interface ClickMark extends GivenPoint<'image'> {
  readonly positive: boolean;
}

/** A filled disc with a white rim; positive clicks are green and carry a plus, negative ones red and carry a minus. */
function drawClick(data: Uint8Array, width: number, height: number, click: ClickMark): void {
  const radius = Math.max(4, Math.round(Math.min(width, height) / 64));
  const colour = click.positive ? POSITIVE_CLICK : NEGATIVE_CLICK;
  const stroke = Math.max(1, radius / 4);
  const arm = radius * 0.6;
  for (let dy = -radius - 1; dy <= radius + 1; dy++)
    for (let dx = -radius - 1; dx <= radius + 1; dx++) {
      const [x, y] = [click.x + dx, click.y + dy];
      const distance = Math.hypot(dx, dy);
      if (x < 0 || y < 0 || x >= width || y >= height || distance > radius + 1) continue;
      const horizontal = Math.abs(dx) <= arm && Math.abs(dy) <= stroke / 2;
      const vertical = click.positive && Math.abs(dy) <= arm && Math.abs(dx) <= stroke / 2;
      const white = distance > radius || horizontal || vertical;
      blend(data, (y * width + x) * 3, white ? WHITE : colour, 1);
    }
}

export interface OverlayOptions {
  readonly colour?: Colour;
  /** Of the tint inside the mask, 0–1; the contour is always opaque. */
  readonly opacity?: number;
  readonly clicks?: readonly ClickMark[];
  /** From where on a probability counts as defect. */
  readonly threshold?: number;
}

/**
 * The picture with the defect tinted, its contour (defect pixels with a neighbour outside, over edges) and the clicks.
 * @param label a mask, where 1 is defect, or probabilities, cut at the threshold (default 0.5); at the picture's size.
 */
export function drawOverlay(image: RgbImage, label: Mask | Plane, options: OverlayOptions = {}): RgbImage {
  const { width, height } = image;
  if (label.width !== width || label.height !== height)
    throw new RangeError(`drawOverlay: label ${label.width} x ${label.height}, picture ${width} x ${height}`);
  const { colour = DEFECT_COLOUR, opacity = 0.35, clicks = [], threshold = 0.5 } = options;
  const { data: values } = label;
  const marked = values instanceof Uint8Array ? (i: number) => values[i] === 1 : (i: number) => values[i] >= threshold;
  const data = image.data.slice();
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      if (!marked(i)) continue;
      const inner =
        (x === 0 || marked(i - 1)) &&
        (x === width - 1 || marked(i + 1)) &&
        (y === 0 || marked(i - width)) &&
        (y === height - 1 || marked(i + width));
      blend(data, i * 3, colour, inner ? opacity : 1);
    }
  for (const click of clicks) drawClick(data, width, height, click);
  return { data, width, height, channels: 3 };
}
