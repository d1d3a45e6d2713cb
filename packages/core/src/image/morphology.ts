/** Binary morphology in time that does not grow with the radius: squares by running reach, discs by exact distance. */
import { squaredDistance } from './distance.ts';
import { holesOf } from './holes.ts';
import type { Mask } from './types.ts';

/** Square: |dx| and |dy| up to the radius. Disc: dx² + dy² up to radius². */
export type Shape = 'square' | 'disc';

/** Marks every pixel within `radius` of a set one along a line: `stride` apart, `count` long. */
function spreadLine(data: Uint8Array, start: number, stride: number, count: number, radius: number, out: Uint8Array) {
  let reach = -1;
  for (let i = 0, at = start; i < count; i++, at += stride) {
    if (data[at]) reach = i + radius;
    out[at] = i <= reach ? 1 : 0;
  }
  reach = count;
  for (let i = count - 1, at = start + i * stride; i >= 0; i--, at -= stride) {
    if (data[at]) reach = i - radius;
    if (i >= reach) out[at] = 1;
  }
}

function spreadSquare(data: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const rows = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) spreadLine(data, y * width, 1, width, radius, rows);
  const out = new Uint8Array(data.length);
  for (let x = 0; x < width; x++) spreadLine(rows, x, width, height, radius, out);
  return out;
}

function complement(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = data[i] ? 0 : 1;
  return out;
}

function spread({ data, width, height }: Mask, radius: number, shape: Shape): Uint8Array {
  if (!(radius >= 0)) throw new RangeError(`morphology: radius ${radius} is not 0 or more`);
  if (shape === 'square') return spreadSquare(data, width, height, Math.floor(radius));
  const away = squaredDistance(complement(data), width, height, 'none');
  const out = new Uint8Array(data.length);
  const limit = Math.min(radius * radius, width * width + height * height);
  for (let i = 0; i < out.length; i++) out[i] = away[i] <= limit ? 1 : 0;
  return out;
}

const masked = (mask: Mask, data: Uint8Array): Mask => ({ data, width: mask.width, height: mask.height, channels: 1 });

/** Every pixel within the radius of a non-zero one. @param radius pixels; fractions matter to discs only. */
export function dilate(mask: Mask, radius: number, shape: Shape = 'disc'): Mask {
  return masked(mask, spread(mask, radius, shape));
}

/** Every pixel whose whole neighbourhood inside the raster is non-zero; what lies outside the raster does not erode. */
export function erode(mask: Mask, radius: number, shape: Shape = 'disc'): Mask {
  return masked(mask, complement(spread(masked(mask, complement(mask.data)), radius, shape)));
}

/** Removes what the shape does not fit into. */
export function open(mask: Mask, radius: number, shape: Shape = 'disc'): Mask {
  return dilate(erode(mask, radius, shape), radius, shape);
}

/** Fills gaps that the shape does not fit into. */
export function close(mask: Mask, radius: number, shape: Shape = 'disc'): Mask {
  return erode(dilate(mask, radius, shape), radius, shape);
}

/** Sets every background pixel that no path over edges (4-connected) joins to the raster's border. */
export function fillHoles(mask: Mask): Mask {
  const { data, width, height } = mask;
  const out = holesOf(data, width, height);
  for (let i = 0; i < out.length; i++) if (data[i]) out[i] = 1;
  return masked(mask, out);
}
