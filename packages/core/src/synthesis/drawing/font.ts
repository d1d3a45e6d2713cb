/** A stroke font of our own for print on parts: capitals, digits and a few signs. */
import { type Canvas, type Colour, type Point, strokeLine } from './raster.ts';

/** Glyphs on a 5 x 7 lattice: strokes apart by blanks, each a run of two-digit points "xy". */
const GLYPHS: Readonly<Record<string, string>> = {
  A: '062046 1434',
  B: '000636454433 0333 3342413000',
  C: '4130100105163645',
  D: '00063645413000',
  E: '40000646 0333',
  F: '400006 0333',
  G: '41301001051636454323',
  H: '0006 4046 0343',
  I: '1030 2026 1636',
  J: '4045361605',
  K: '0006 4003 0346',
  L: '000646',
  M: '0600234046',
  N: '06004640',
  O: '100105163645413010',
  P: '06003041423303',
  Q: '100105163645413010 2446',
  R: '06003041423303 2346',
  S: '413010010213334445361605',
  T: '0040 2026',
  U: '000516364540',
  V: '002640',
  W: '0016233640',
  X: '0046 4006',
  Y: '002340 2326',
  Z: '00400646',
  '0': '100105163645413010 1432',
  '1': '112026 1636',
  '2': '01103041420646',
  '3': '0110304142334445361605',
  '4': '36300444',
  '5': '400002334445361605',
  '6': '4130100105163645443303',
  '7': '004016',
  '8': '100102133342413010 1304051636454433',
  '9': '4313020110304145361605',
  '-': '1333',
  '/': '0640',
  '.': '2526',
  '+': '2125 0343',
};

/** The strokes of a text: its first letter's top left corner at (x, y), capitals `size` pixels high, run turned by `angle`. */
export function textStrokes(text: string, x: number, y: number, size: number, angle = 0, slant = 0): Point[][] {
  const unit = size / 6;
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const strokes: Point[][] = [];
  [...text].forEach((letter, index) => {
    for (const run of (GLYPHS[letter] ?? '').split(' ')) {
      if (!run) continue;
      const points: Point[] = [];
      for (let i = 0; i < run.length; i += 2) {
        const v = Number(run[i + 1]) * unit;
        const u = (index * 6 + Number(run[i])) * unit + slant * (size - v);
        points.push([x + u * c - v * s, y + u * s + v * c]);
      }
      strokes.push(points);
    }
  });
  return strokes;
}

/** The width in pixels that {@link textStrokes} takes. */
export const textWidth = (text: string, size: number): number => (text.length * 6 - 2) * (size / 6);

/** Prints a text on a canvas. */
export function drawText(
  canvas: Canvas,
  text: string,
  x: number,
  y: number,
  size: number,
  colour: Colour,
  thickness = size / 7,
  angle = 0,
): void {
  for (const stroke of textStrokes(text, x, y, size, angle)) strokeLine(canvas, stroke, thickness, colour);
}
