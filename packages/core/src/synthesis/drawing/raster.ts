/** A float RGB canvas with anti-aliased shapes and warps: what products and defects are drawn with. */
import type { RgbImage } from '../../image/types.ts';

/** Working picture: interleaved RGB in [0, 255], not yet rounded, values may leave the range until {@link toImage}. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** RGB in [0, 255]. */
export type Colour = readonly [number, number, number];

/** A region by its signed distance in pixels (negative inside), with the box outside which it is never negative. */
export interface Shape {
  readonly box: readonly [left: number, top: number, right: number, bottom: number];
  readonly distance: (x: number, y: number) => number;
}

export type Point = readonly [x: number, y: number];

/** How a shape is painted: `shade` multiplies the colour, `softness` is half the width of the edge in pixels. */
export interface FillOptions {
  opacity?: number;
  softness?: number;
  shade?: (x: number, y: number, distance: number) => number;
}

const clamp01 = (v: number): number => (v < 0 ? 0 : Math.min(v, 1));

/** A canvas of one colour. */
export function createCanvas(width: number, height: number, colour: Colour = [0, 0, 0]): Canvas {
  const data = new Float32Array(width * height * 3);
  for (let i = 0; i < data.length; i += 3) {
    data[i] = colour[0];
    data[i + 1] = colour[1];
    data[i + 2] = colour[2];
  }
  return { width, height, data };
}

export const cloneCanvas = (canvas: Canvas): Canvas => ({ ...canvas, data: canvas.data.slice() });

/** A canvas with the values of a picture. */
export function toCanvas(image: RgbImage): Canvas {
  return { width: image.width, height: image.height, data: new Float32Array(image.data) };
}

/** Rounds and clips to 8 bits. */
export function toImage(canvas: Canvas): RgbImage {
  const { width, height, data } = canvas;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const v = data[i] + 0.5;
    out[i] = v < 0 ? 0 : Math.min(v, 255);
  }
  return { data: out, width, height, channels: 3 };
}

/** Linear mix of two colours, `t` = 0 gives `a`. */
export const mixColour = (a: Colour, b: Colour, t: number): Colour => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];

export const scaleColour = (c: Colour, k: number): Colour => [c[0] * k, c[1] * k, c[2] * k];

/** RGB of a hue in turns [0, 1), saturation and value in [0, 1]. */
export function hsv(hue: number, saturation: number, value: number): Colour {
  const channel = (n: number): number => {
    const k = (n + (hue - Math.floor(hue)) * 6) % 6;
    return 255 * (value - value * saturation * clamp01(Math.min(k, 4 - k)));
  };
  return [channel(5), channel(3), channel(1)];
}

export function disc(cx: number, cy: number, radius: number): Shape {
  return {
    box: [cx - radius, cy - radius, cx + radius, cy + radius],
    distance: (x, y) => Math.hypot(x - cx, y - cy) - radius,
  };
}

export function ring(cx: number, cy: number, radius: number, width: number): Shape {
  const outer = radius + width / 2;
  return {
    box: [cx - outer, cy - outer, cx + outer, cy + outer],
    distance: (x, y) => Math.abs(Math.hypot(x - cx, y - cy) - radius) - width / 2,
  };
}

/** An ellipse turned by `angle` radians; the distance is first order, exact enough for edges. */
export function ellipse(cx: number, cy: number, rx: number, ry: number, angle = 0): Shape {
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const reach = Math.max(rx, ry);
  return {
    box: [cx - reach, cy - reach, cx + reach, cy + reach],
    distance: (x, y) => {
      const u = ((x - cx) * c + (y - cy) * s) / rx;
      const v = ((y - cy) * c - (x - cx) * s) / ry;
      const k = Math.hypot(u, v);
      if (k < 1e-6) return -Math.min(rx, ry);
      return ((k - 1) * k) / Math.hypot(u / rx, v / ry);
    },
  };
}

/** A rectangle of `width` x `height` about its centre, turned by `angle`, with rounded corners. */
export function roundedBox(cx: number, cy: number, width: number, height: number, radius = 0, angle = 0): Shape {
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const reachX = (Math.abs(c) * width + Math.abs(s) * height) / 2;
  const reachY = (Math.abs(s) * width + Math.abs(c) * height) / 2;
  return {
    box: [cx - reachX, cy - reachY, cx + reachX, cy + reachY],
    distance: (x, y) => {
      const u = Math.abs((x - cx) * c + (y - cy) * s) - width / 2 + radius;
      const v = Math.abs((y - cy) * c - (x - cx) * s) - height / 2 + radius;
      return Math.hypot(Math.max(u, 0), Math.max(v, 0)) + Math.min(Math.max(u, v), 0) - radius;
    },
  };
}

const boundsOf = (points: readonly Point[], margin: number): Shape['box'] => {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return [left - margin, top - margin, right + margin, bottom + margin];
};

/** A filled polygon, even-odd rule. */
export function polygon(points: readonly Point[]): Shape {
  const n = points.length;
  // Per edge: start, direction, direction over its squared length.
  const edges = new Float64Array(n * 6);
  for (let i = 0, j = n - 1; i < n; j = i++) {
    const ex = points[i][0] - points[j][0];
    const ey = points[i][1] - points[j][1];
    const length2 = ex * ex + ey * ey || 1;
    edges.set([points[j][0], points[j][1], ex, ey, ex / length2, ey / length2], i * 6);
  }
  return {
    box: boundsOf(points, 0),
    distance: (x, y) => {
      let nearest = Infinity;
      let inside = false;
      for (let k = 0; k < edges.length; k += 6) {
        const px = x - edges[k];
        const py = y - edges[k + 1];
        const ex = edges[k + 2];
        const ey = edges[k + 3];
        let t = px * edges[k + 4] + py * edges[k + 5];
        t = t < 0 ? 0 : Math.min(t, 1);
        const dx = px - ex * t;
        const dy = py - ey * t;
        const d = dx * dx + dy * dy;
        if (d < nearest) nearest = d;
        if (py < 0 !== ey > py && px < (ex * py) / ey) inside = !inside;
      }
      return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
    },
  };
}

/** A line segment with round ends, `width` pixels thick. */
export function segment(a: Point, b: Point, width: number): Shape {
  const ex = b[0] - a[0];
  const ey = b[1] - a[1];
  const length2 = ex * ex + ey * ey || 1;
  return {
    box: boundsOf([a, b], width / 2),
    distance: (x, y) => {
      const t = clamp01(((x - a[0]) * ex + (y - a[1]) * ey) / length2);
      return Math.hypot(x - a[0] - ex * t, y - a[1] - ey * t) - width / 2;
    },
  };
}

/** Visits the pixels where a shape covers something: `visit(index, coverage, x, y, distance)`. */
export function rasterize(
  width: number,
  height: number,
  shape: Shape,
  softness: number,
  visit: (index: number, coverage: number, x: number, y: number, distance: number) => void,
): void {
  const left = Math.max(0, Math.floor(shape.box[0] - softness));
  const right = Math.min(width - 1, Math.ceil(shape.box[2] + softness));
  const top = Math.max(0, Math.floor(shape.box[1] - softness));
  const bottom = Math.min(height - 1, Math.ceil(shape.box[3] + softness));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const d = shape.distance(x, y);
      if (d >= softness) continue;
      visit(y * width + x, d <= -softness ? 1 : 0.5 - d / (2 * softness), x, y, d);
    }
  }
}

/** Paints a shape in one colour, or in a colour that varies by `shade`. */
export function fill(canvas: Canvas, shape: Shape, colour: Colour, options: FillOptions = {}): void {
  const { opacity = 1, softness = 0.7, shade } = options;
  const { data } = canvas;
  rasterize(canvas.width, canvas.height, shape, softness, (index, coverage, x, y, d) => {
    const a = coverage * opacity;
    const k = shade ? shade(x, y, d) : 1;
    const i = index * 3;
    data[i] += (colour[0] * k - data[i]) * a;
    data[i + 1] += (colour[1] * k - data[i + 1]) * a;
    data[i + 2] += (colour[2] * k - data[i + 2]) * a;
  });
}

/** Raises a plane to a shape's coverage times `value` (never lowers it). */
export function cover(
  plane: Float32Array,
  width: number,
  height: number,
  shape: Shape,
  value = 1,
  softness = 0.7,
): void {
  rasterize(width, height, shape, softness, (index, coverage) => {
    const v = coverage * value;
    if (v > plane[index]) plane[index] = v;
  });
}

/** Covers a thick polyline; `width` and `value` may vary with the position along it in [0, 1]. */
export function coverLine(
  plane: Float32Array,
  width: number,
  height: number,
  points: readonly Point[],
  thickness: number | ((t: number) => number),
  value: number | ((t: number) => number) = 1,
  softness = 0.7,
): void {
  for (let i = 1; i < points.length; i++) {
    const t = i / (points.length - 1);
    const w = typeof thickness === 'number' ? thickness : thickness(t);
    const v = typeof value === 'number' ? value : value(t);
    if (w > 0 && v > 0) cover(plane, width, height, segment(points[i - 1], points[i], w), v, softness);
  }
}

/** Draws an opaque polyline. */
export function strokeLine(
  canvas: Canvas,
  points: readonly Point[],
  thickness: number,
  colour: Colour,
  options: FillOptions = {},
): void {
  for (let i = 1; i < points.length; i++) fill(canvas, segment(points[i - 1], points[i], thickness), colour, options);
}

/** Bilinear look-up of one pixel into `out`; coordinates outside are clamped to the border. */
export function sample(canvas: Canvas, x: number, y: number, out: Float32Array | number[]): void {
  const { width, height, data } = canvas;
  const cx = x < 0 ? 0 : Math.min(x, width - 1);
  const cy = y < 0 ? 0 : Math.min(y, height - 1);
  const x0 = cx | 0;
  const y0 = cy | 0;
  const fx = cx - x0;
  const fy = cy - y0;
  const i = (y0 * width + x0) * 3;
  const right = x0 < width - 1 ? 3 : 0;
  const below = y0 < height - 1 ? width * 3 : 0;
  for (let c = 0; c < 3; c++) {
    const top = data[i + c] + (data[i + right + c] - data[i + c]) * fx;
    const bottom = data[i + below + c] + (data[i + below + right + c] - data[i + below + c]) * fx;
    out[c] = top + (bottom - top) * fy;
  }
}

/** A new canvas whose pixel (x, y) is the source at `map(x, y)`, written by the callback into its third argument. */
export function warp(
  source: Canvas,
  width: number,
  height: number,
  map: (x: number, y: number, to: Float32Array) => void,
): Canvas {
  const out = createCanvas(width, height);
  const at = new Float32Array(2);
  const colour = new Float32Array(3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 3) {
      map(x, y, at);
      sample(source, at[0], at[1], colour);
      out.data[i] = colour[0];
      out.data[i + 1] = colour[1];
      out.data[i + 2] = colour[2];
    }
  }
  return out;
}

/** A pose in the plane: turn (radians) and scale about the centre, then shift in pixels. */
export interface Pose {
  dx: number;
  dy: number;
  angle: number;
  scale: number;
}

/** Poses a canvas about its centre; what comes in from outside repeats the border. */
export function poseCanvas(source: Canvas, pose: Pose): Canvas {
  const { width, height } = source;
  const c = Math.cos(pose.angle) / pose.scale;
  const s = Math.sin(pose.angle) / pose.scale;
  const cx = (width - 1) / 2;
  const cy = (height - 1) / 2;
  return warp(source, width, height, (x, y, to) => {
    const u = x - cx - pose.dx;
    const v = y - cy - pose.dy;
    to[0] = cx + c * u + s * v;
    to[1] = cy - s * u + c * v;
  });
}
