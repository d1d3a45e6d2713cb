/** Learning where the object is (CPR's foreground branch): two clusters, the border's is background, a linear discriminant between them. */
import type { Random } from '../random.ts';
import type { ForegroundModel } from './foreground.ts';
import { assign, kMeans } from './k-means.ts';

/** Tokens of one picture. */
export interface TokenGrid {
  /** (height * width, dims); the first `matched` channels are used. */
  readonly tokens: Float32Array;
  readonly height: number;
  readonly width: number;
  readonly dims: number;
  readonly matched?: number;
}

/** Border band: this share of height and width on each side. */
const BAND = 3 / 80;
/** Centre box: cells at most this share of the side away from the middle. */
const CENTRE = 1 / 5;
/** Vectors that cluster and discriminate. */
const CLUSTER_SAMPLES = 8000;
const CLASS_SAMPLES = 4000;
/** Share of decision values cut off at both ends. */
const CUT = 0.01;
/** A product is an object when one cluster covers at least this share of the border ... */
const MIN_COVER = 0.75;
/** ... and this much less of the centre. */
const MIN_CONTRAST = 0.5;
/** Cells at the very edge that are left out: the network's padding shows there, on every picture. */
const EDGE = 1;
/** Fewest vectors a class. */
const MIN_CLASS = 100;
/** Ridge on the pooled covariance, relative to its mean variance. */
const RIDGE = 1e-3;

type Zone = 'edge' | 'band' | 'centre' | 'between';

function zoneOf(cell: number, { height, width }: TokenGrid): Zone {
  const [y, x] = [Math.floor(cell / width), cell % width];
  const inset = (at: number, side: number) => Math.min(at, side - 1 - at);
  if (Math.min(inset(y, height), inset(x, width)) < EDGE) return 'edge';
  const outer = (at: number, side: number) => inset(at, side) < EDGE + Math.max(1, Math.round(BAND * side));
  if (outer(y, height) || outer(x, width)) return 'band';
  const middle = (at: number, side: number) => Math.abs((at + 0.5) / side - 0.5) <= CENTRE;
  return middle(y, height) && middle(x, width) ? 'centre' : 'between';
}

/** One vector of a grid, cut to the channels that count. */
function vectorAt({ tokens, dims, matched = dims }: TokenGrid, cell: number): Float32Array {
  return tokens.subarray(cell * dims, cell * dims + matched);
}

/** Up to `count` (grid, cell) pairs of one zone, drawn at random. */
function draw(grids: readonly TokenGrid[], zone: Zone | undefined, count: number, random: Random): Float32Array[] {
  const share = Math.ceil(count / grids.length);
  return grids.flatMap((grid) => {
    const cells = Array.from({ length: grid.height * grid.width }, (_, cell) => cell);
    const inside = zone ? cells.filter((cell) => zoneOf(cell, grid) === zone) : cells;
    return random
      .shuffle(inside)
      .slice(0, share)
      .map((cell) => vectorAt(grid, cell));
  });
}

function joined(vectors: readonly Float32Array[]): Float32Array {
  const dims = vectors[0]?.length ?? 0;
  const out = new Float32Array(vectors.length * dims);
  for (const [i, vector] of vectors.entries()) out.set(vector, i * dims);
  return out;
}

/** Solves A x = b for a symmetric positive definite A, in place (Cholesky). */
function solve(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  for (let j = 0; j < n; j++)
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / a[j * n + j];
    }
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] = x[i] - a[i * n + k] * x[k];
    x[i] = x[i] / a[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] = x[i] - a[k * n + i] * x[k];
    x[i] = x[i] / a[i * n + i];
  }
  return x;
}

function meanOf(vectors: readonly Float32Array[]): Float64Array {
  const mean = new Float64Array(vectors[0].length);
  for (const vector of vectors) for (let d = 0; d < mean.length; d++) mean[d] = mean[d] + vector[d] / vectors.length;
  return mean;
}

/** Fisher's discriminant between two classes of equal size: positive on the second. */
function discriminant(first: readonly Float32Array[], second: readonly Float32Array[]) {
  const means = [meanOf(first), meanOf(second)] as const;
  const n = means[0].length;
  const covariance = new Float64Array(n * n);
  const total = first.length + second.length;
  for (const [vectors, mean] of [
    [first, means[0]],
    [second, means[1]],
  ] as const) {
    const centred = new Float64Array(n);
    for (const vector of vectors) {
      for (let d = 0; d < n; d++) centred[d] = vector[d] - mean[d];
      for (let i = 0; i < n; i++)
        for (let j = 0; j <= i; j++) covariance[i * n + j] = covariance[i * n + j] + (centred[i] * centred[j]) / total;
    }
  }
  let trace = 0;
  for (let i = 0; i < n; i++) trace += covariance[i * n + i];
  for (let i = 0; i < n; i++) covariance[i * n + i] = covariance[i * n + i] + (RIDGE * trace) / n + 1e-12;
  const weights = solve(
    covariance,
    means[1].map((value, d) => value - means[0][d]),
  );
  const offset = -weights.reduce((sum, weight, d) => sum + (weight * (means[0][d] + means[1][d])) / 2, 0);
  return { weights, offset };
}

function decide({ weights, offset }: Pick<ForegroundModel, 'weights' | 'offset'>, grid: TokenGrid): Float64Array {
  const out = new Float64Array(grid.height * grid.width).fill(offset);
  for (let cell = 0; cell < out.length; cell++) {
    const at = cell * grid.dims;
    for (let d = 0; d < weights.length; d++) out[cell] = out[cell] + weights[d] * grid.tokens[at + d];
  }
  return out;
}

/**
 * Learns from good pictures where their object is.
 * @returns undefined for textures and for objects that fill the picture or leave no clear border: there every place counts.
 */
export function fitForeground(grids: readonly TokenGrid[], random: Random): ForegroundModel | undefined {
  const [first] = grids;
  if (!first) return undefined;
  const dims = first.matched ?? first.dims;
  const sample = joined(draw(grids, undefined, CLUSTER_SAMPLES, random));
  const book = kMeans(sample, dims, random, { count: 2 });
  const zone = (name: Zone) => {
    const vectors = draw(grids, name, 2 * CLASS_SAMPLES, random);
    return { vectors, codes: assign(joined(vectors), book) };
  };
  const [band, centre] = [zone('band'), zone('centre')];
  const shareOfOnes = ({ codes }: typeof band) => codes.reduce((sum, code) => sum + code, 0) / codes.length;
  const background = shareOfOnes(band) > 0.5 ? 1 : 0;
  const cover = (where: typeof band) => (background === 1 ? shareOfOnes(where) : 1 - shareOfOnes(where));
  if (cover(band) < MIN_COVER || cover(band) - cover(centre) < MIN_CONTRAST) return undefined;
  const behind = band.vectors.filter((_, i) => band.codes[i] === background);
  const front = centre.vectors.filter((_, i) => centre.codes[i] !== background);
  const size = Math.min(CLASS_SAMPLES, behind.length, front.length);
  if (size < MIN_CLASS) return undefined;
  const line = discriminant(random.shuffle(behind).slice(0, size), random.shuffle(front).slice(0, size));
  const values = Float64Array.from(grids.flatMap((grid) => Array.from(decide(line, grid)))).sort();
  const low = values[Math.floor(CUT * (values.length - 1))];
  const high = values[Math.ceil((1 - CUT) * (values.length - 1))];
  return high > low ? { ...line, low, high } : undefined;
}
