/** Noise planes: value noise from small lattices, Perlin as DRAEM uses it, cells, brush marks and Gaussian grain. */
import type { Random } from '../../random.ts';

/** Quantiles of the standard normal, so that one 32-bit draw gives two Gaussian values (Beasley–Springer–Moro). */
const NORMAL = (() => {
  const table = new Float32Array(65536);
  const a = [2.50662823884, -18.61500062529, 41.39119773534, -25.44106049637];
  const b = [-8.4735109309, 23.08336743743, -21.06224101826, 3.13082909833];
  const c = [
    0.3374754822726147, 0.9761690190917186, 0.1607979714918209, 0.0276438810333863, 0.0038405729373609,
    0.0003951896511919, 0.0000321767881768, 0.0000002888167364, 0.0000003960315187,
  ];
  for (let i = 0; i < table.length; i++) {
    const u = (i + 0.5) / table.length;
    const y = u - 0.5;
    if (Math.abs(y) < 0.42) {
      const r = y * y;
      table[i] =
        (y * (((a[3] * r + a[2]) * r + a[1]) * r + a[0])) / ((((b[3] * r + b[2]) * r + b[1]) * r + b[0]) * r + 1);
    } else {
      const t = Math.log(-Math.log(y > 0 ? 1 - u : u));
      const x = c.reduceRight((sum, k) => sum * t + k, 0);
      table[i] = y < 0 ? -x : x;
    }
  }
  return table;
})();

/** `size` independent standard normal values, two for each draw of the generator. */
export function normalPlane(random: Random, size: number): Float32Array {
  const out = new Float32Array(size);
  for (let i = 0; i < size; i += 2) {
    const bits = (random.next() * 4294967296) >>> 0;
    out[i] = NORMAL[bits & 65535];
    if (i + 1 < size) out[i + 1] = NORMAL[bits >>> 16];
  }
  return out;
}

/** Lattice positions and Catmull–Rom weights of `count` samples that are `cell` apart in lattice units. */
function cubicTaps(count: number, cell: number, phase: number): { index: Int32Array; weights: Float32Array } {
  const index = new Int32Array(count);
  const weights = new Float32Array(count * 4);
  for (let i = 0; i < count; i++) {
    const at = i / cell + phase;
    const base = Math.floor(at);
    const t = at - base;
    index[i] = base;
    weights[i * 4] = ((-0.5 * t + 1) * t - 0.5) * t;
    weights[i * 4 + 1] = (1.5 * t - 2.5) * t * t + 1;
    weights[i * 4 + 2] = ((-1.5 * t + 2) * t + 0.5) * t;
    weights[i * 4 + 3] = (0.5 * t - 0.5) * t * t;
  }
  return { index, weights };
}

/** Smooth noise of about unit variance whose bumps are `cellX` x `cellY` pixels (each at least 1). */
export function valueNoise(random: Random, width: number, height: number, cellX: number, cellY = cellX): Float32Array {
  if (width * height === 0) return new Float32Array(0);
  if (cellX <= 1 && cellY <= 1) return normalPlane(random, width * height);
  const across = cubicTaps(width, Math.max(1, cellX), random.next());
  const down = cubicTaps(height, Math.max(1, cellY), random.next());
  const columns = across.index[width - 1] + 4;
  const rows = down.index[height - 1] + 4;
  const lattice = normalPlane(random, columns * rows);
  const wide = new Float32Array(rows * width);
  for (let r = 0; r < rows; r++) {
    const row = r * columns;
    for (let x = 0; x < width; x++) {
      const i = row + across.index[x];
      const w = x * 4;
      wide[r * width + x] =
        lattice[i] * across.weights[w] +
        lattice[i + 1] * across.weights[w + 1] +
        lattice[i + 2] * across.weights[w + 2] +
        lattice[i + 3] * across.weights[w + 3];
    }
  }
  const out = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const i = down.index[y] * width;
    const [a, b, c, d] = down.weights.subarray(y * 4, y * 4 + 4);
    const to = y * width;
    for (let x = 0; x < width; x++) {
      const j = i + x;
      out[to + x] = wide[j] * a + wide[j + width] * b + wide[j + 2 * width] * c + wide[j + 3 * width] * d;
    }
  }
  return out;
}

/** Octaves of value noise from `cell` pixels downwards, about unit variance; `stretch` > 1 draws it out along x. */
export function fractalNoise(
  random: Random,
  width: number,
  height: number,
  options: { cell: number; octaves?: number; gain?: number; stretch?: number },
): Float32Array {
  const { cell, octaves = 5, gain = 0.55, stretch = 1 } = options;
  const out = new Float32Array(width * height);
  let amplitude = 1;
  let power = 0;
  let size = cell;
  for (let o = 0; o < octaves && (o === 0 || size >= 1); o++, size /= 2, amplitude *= gain) {
    const layer = valueNoise(random, width, height, Math.max(1, size * stretch), Math.max(1, size));
    for (let i = 0; i < out.length; i++) out[i] += layer[i] * amplitude;
    power += amplitude * amplitude;
  }
  const k = 1 / Math.sqrt(power);
  for (let i = 0; i < out.length; i++) out[i] *= k;
  return out;
}

const fade = (t: number): number => t * t * t * (t * (t * 6 - 15) + 10);

/**
 * One octave of Perlin noise on a lattice of 2^a x 2^b cells, a, b ~ U{0..5}, amplitude sqrt 2, turned by up to 90 degrees
 * with zero fill, as in DRAEM.
 */
export function perlinNoise(
  random: Random,
  width: number,
  height: number,
  maxExponent = 6,
  minExponent = 0,
): Float32Array {
  const columns = 2 ** random.int(minExponent, maxExponent);
  const rows = 2 ** random.int(minExponent, maxExponent);
  const gx = new Float32Array((columns + 1) * (rows + 1));
  const gy = new Float32Array(gx.length);
  for (let i = 0; i < gx.length; i++) {
    const angle = random.uniform(0, 2 * Math.PI);
    gx[i] = Math.cos(angle);
    gy[i] = Math.sin(angle);
  }
  const turn = random.uniform(-Math.PI / 2, Math.PI / 2);
  const c = Math.cos(turn);
  const s = Math.sin(turn);
  const out = new Float32Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const u = (((x - width / 2) * c + (y - height / 2) * s) / width + 0.5) * columns;
      const v = (((y - height / 2) * c - (x - width / 2) * s) / height + 0.5) * rows;
      if (u < 0 || v < 0 || u >= columns || v >= rows) continue;
      const i = u | 0;
      const j = v | 0;
      const fx = u - i;
      const fy = v - j;
      const k = j * (columns + 1) + i;
      const below = k + columns + 1;
      const wx = fade(fx);
      const top = gx[k] * fx + gy[k] * fy;
      const topRight = gx[k + 1] * (fx - 1) + gy[k + 1] * fy;
      const low = gx[below] * fx + gy[below] * (fy - 1);
      const lowRight = gx[below + 1] * (fx - 1) + gy[below + 1] * (fy - 1);
      const upper = top + (topRight - top) * wx;
      out[p] = Math.SQRT2 * (upper + (low + (lowRight - low) * wx - upper) * fade(fy));
    }
  }
  return out;
}

/** Distances, in cells, to the nearest and second nearest of one jittered point a cell, and a random value of the nearest. */
export interface Cells {
  readonly nearest: Float32Array;
  readonly second: Float32Array;
  readonly value: Float32Array;
}

/** Worley noise with cells of `cellX` x `cellY` pixels; `jitter` 0 is a lattice, 1 fully random. */
export function cellNoise(
  random: Random,
  width: number,
  height: number,
  cellX: number,
  cellY = cellX,
  jitter = 1,
): Cells {
  const columns = Math.ceil(width / cellX) + 3;
  const rows = Math.ceil(height / cellY) + 3;
  const px = new Float32Array(columns * rows);
  const py = new Float32Array(px.length);
  const id = new Float32Array(px.length);
  for (let r = 0, k = 0; r < rows; r++) {
    for (let q = 0; q < columns; q++, k++) {
      px[k] = q + 0.5 + (random.next() - 0.5) * jitter;
      py[k] = r + 0.5 + (random.next() - 0.5) * jitter;
      id[k] = random.next();
    }
  }
  const nearest = new Float32Array(width * height);
  const second = new Float32Array(nearest.length);
  const value = new Float32Array(nearest.length);
  for (let y = 0, p = 0; y < height; y++) {
    const v = y / cellY + 1;
    const r = v | 0;
    for (let x = 0; x < width; x++, p++) {
      const u = x / cellX + 1;
      const q = u | 0;
      let d1 = 9;
      let d2 = 9;
      let best = 0;
      for (let k = (r - 1) * columns + q - 1, n = 0; n < 3; n++, k += columns) {
        for (let m = k; m < k + 3; m++) {
          const dx = px[m] - u;
          const dy = py[m] - v;
          const d = dx * dx + dy * dy;
          if (d < d1) {
            d2 = d1;
            d1 = d;
            best = m;
          } else if (d < d2) d2 = d;
        }
      }
      nearest[p] = Math.sqrt(d1);
      second[p] = Math.sqrt(d2);
      value[p] = id[best];
    }
  }
  return { nearest, second, value };
}

/** Marks of a brush or a grinding wheel: noise drawn out to `length` pixels at `angle` radians, about unit variance. */
export function brushedNoise(random: Random, width: number, height: number, length: number, angle = 0): Float32Array {
  if (angle === 0) return fractalNoise(random, width, height, { cell: 3, octaves: 2, gain: 1, stretch: length / 3 });
  const side = Math.ceil(Math.hypot(width, height)) + 2;
  const straight = fractalNoise(random, side, side, { cell: 3, octaves: 2, gain: 1, stretch: length / 3 });
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const out = new Float32Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const u = side / 2 - 1 + (x - width / 2) * c + (y - height / 2) * s;
      const v = side / 2 - 1 + (y - height / 2) * c - (x - width / 2) * s;
      const i = (v | 0) * side + (u | 0);
      const fx = u - (u | 0);
      const fy = v - (v | 0);
      const top = straight[i] + (straight[i + 1] - straight[i]) * fx;
      const low = straight[i + side] + (straight[i + side + 1] - straight[i + side]) * fx;
      out[p] = top + (low - top) * fy;
    }
  }
  return out;
}

/** Sparse soft spots: `count` bumps of radius `low`..`high` pixels and height in [-1, 1] (or [0, 1] when `positive`). */
export function spotNoise(
  random: Random,
  width: number,
  height: number,
  options: { count: number; low: number; high: number; positive?: boolean },
): Float32Array {
  const out = new Float32Array(width * height);
  for (let n = 0; n < options.count; n++) {
    const cx = random.uniform(0, width);
    const cy = random.uniform(0, height);
    const radius = options.low * (options.high / options.low) ** random.next();
    const value = options.positive ? random.uniform(0.3, 1) : random.uniform(0.3, 1) * (random.chance(0.5) ? 1 : -1);
    for (let y = Math.max(0, Math.ceil(cy - radius)); y <= Math.min(height - 1, cy + radius); y++) {
      for (let x = Math.max(0, Math.ceil(cx - radius)); x <= Math.min(width - 1, cx + radius); x++) {
        const k = 1 - ((x - cx) ** 2 + (y - cy) ** 2) / (radius * radius);
        if (k > 0) out[y * width + x] += value * k * Math.min(1, 2 * k);
      }
    }
  }
  return out;
}
