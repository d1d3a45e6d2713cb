/**
 * PatchCore's greedy coreset (patchcore-inspection, src/patchcore/sampler.py): rows of which each in turn is the farthest from those before it,
 * exactly, with a fraction of the distances that a plain search takes.
 */
import type { Random } from '../random.ts';
import type { Nearest } from './nearest.ts';

/** What {@link greedyCoreset} takes. */
export interface CoresetOptions {
  /** Rows to choose. */
  readonly count: number;
  /** Rows whose mean distance says where to begin; they are not chosen by that. */
  readonly starts: number;
  readonly random: Random;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/** Rows among which the next ones are looked for without asking for all. */
const CANDIDATES = 2048;
/** Rows that are brought up to date at once. */
const REFRESHED = 8 * CANDIDATES;

/** The largest `count` values' places, largest first, of equal ones the first in line. */
function largest(values: Float64Array, count: number): Int32Array {
  if (values.length <= count) return sorted(Int32Array.from(values.keys()), values);
  const least = nthLargest(values, count);
  const places = new Int32Array(count);
  let taken = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > least) places[taken++] = i;
  for (let i = 0; i < values.length && taken < count; i++) if (values[i] === least) places[taken++] = i;
  return sorted(places, values);
}

const sorted = (places: Int32Array, values: Float64Array): Int32Array =>
  places.sort((a, b) => values[b] - values[a] || a - b);

/** The value that `count - 1` others are no less than: quickselect on a copy. */
function nthLargest(values: Float64Array, count: number): number {
  const copy = values.slice();
  let [low, high] = [0, copy.length - 1];
  const wanted = count - 1;
  while (low < high) {
    const pivot = copy[(low + high) >>> 1];
    let [i, j] = [low, high];
    while (i <= j) {
      while (copy[i] > pivot) i++;
      while (copy[j] < pivot) j--;
      if (i <= j) {
        [copy[i], copy[j]] = [copy[j], copy[i]];
        i++;
        j--;
      }
    }
    if (wanted <= j) high = j;
    else if (wanted >= i) low = i;
    else break;
  }
  return copy[wanted];
}

function squaredDistance(rows: Float32Array, dims: number, a: number, b: number): number {
  let sum = 0;
  for (let i = a * dims, j = b * dims, end = i + dims; i < end; i++, j++) {
    const difference = rows[i] - rows[j];
    sum += difference * difference;
  }
  return sum;
}

const gathered = (rows: Float32Array, dims: number, places: ArrayLike<number>): Float32Array => {
  const out = new Float32Array(places.length * dims);
  for (let i = 0; i < places.length; i++) out.set(rows.subarray(places[i] * dims, (places[i] + 1) * dims), i * dims);
  return out;
};

/** Mean distance of each row to the first ones, squared: what stands in for a distance until a row is chosen nearby. */
function beginning(rows: Float32Array, dims: number, starts: readonly number[]): Float64Array {
  return Float64Array.from({ length: rows.length / dims }, (_, row) => {
    const sum = starts.reduce((total, start) => total + Math.sqrt(squaredDistance(rows, dims, row, start)), 0);
    return (sum / starts.length) ** 2;
  });
}

/**
 * Chooses rows, each the farthest from all that were chosen before; the first goes by its mean distance to some random ones, which also
 * bounds every distance after.
 *
 * A distance only shrinks as rows are chosen, so one of before is a bound of what it is now. The farthest rows by their bounds are brought up
 * to date, and among them rows are chosen as long as they are as far as the bounds of all others.
 * @param rows (n, nearest.dims) @returns places of the chosen rows, in the order in which they were chosen.
 * @throws the signal's reason.
 */
export async function greedyCoreset(
  nearest: Nearest,
  rows: Float32Array,
  { count, starts, random, onProgress, signal }: CoresetOptions,
): Promise<Int32Array> {
  const { dims } = nearest;
  const total = rows.length / dims;
  const begin = random.shuffle(Array.from({ length: total }, (_, i) => i)).slice(0, Math.min(starts, total));
  const bounds = beginning(rows, dims, begin);
  /** How many of the chosen ones a bound knows of. */
  const known = new Int32Array(total);
  const chosen: number[] = [];
  while (chosen.length < Math.min(count, total)) {
    signal?.throwIfAborted();
    await refresh(nearest, rows, bounds, known, chosen);
    const front = largest(bounds, CANDIDATES + 1);
    const beyond = front.length > CANDIDATES ? bounds[front[CANDIDATES]] : Number.NEGATIVE_INFINITY;
    pick(rows, dims, { among: front.subarray(0, CANDIDATES).sort(), beyond, count }, bounds, known, chosen);
    onProgress?.({ done: chosen.length, total: Math.min(count, total) });
  }
  return Int32Array.from(chosen);
}

/** Brings bounds up to date until the farthest ones all are. */
async function refresh(
  nearest: Nearest,
  rows: Float32Array,
  bounds: Float64Array,
  known: Int32Array,
  chosen: readonly number[],
): Promise<void> {
  for (;;) {
    const front = largest(bounds, REFRESHED);
    if (front.subarray(0, CANDIDATES).every((row) => known[row] === chosen.length)) return;
    // Those that know least last, so that rows that were brought up to date together are again.
    const stale = front.filter((row) => known[row] < chosen.length).sort((a, b) => known[b] - known[a] || a - b);
    for (let from = 0; from < stale.length; ) {
      let to = from + 1;
      while (to < stale.length && known[stale[to]] === known[stale[from]]) to++;
      // A few rows that know of others alone go with the next ones.
      if (to - from < CANDIDATES / 8) to = Math.min(stale.length, from + CANDIDATES / 8);
      const some = stale.subarray(from, to);
      const unknown = chosen.slice(known[some[some.length - 1]]);
      const { dims } = nearest;
      const places = await nearest.places(gathered(rows, dims, some), gathered(rows, dims, unknown));
      for (const [i, row] of some.entries()) {
        // Products of matrices say which is the nearest, and round how near: that is counted again.
        bounds[row] = Math.min(bounds[row], squaredDistance(rows, dims, row, unknown[places[i]]));
        known[row] = chosen.length;
      }
      from = to;
    }
  }
}

/** Where the next rows are looked for. */
interface Front {
  /** Places of rows that are up to date. */
  readonly among: Int32Array;
  /** The greatest bound of all others. */
  readonly beyond: number;
  readonly count: number;
}

/** Chooses among the farthest rows, at least one, as long as no other can be as far. */
function pick(
  rows: Float32Array,
  dims: number,
  { among, beyond, count }: Front,
  bounds: Float64Array,
  known: Int32Array,
  chosen: number[],
): void {
  for (let first = true; chosen.length < count; first = false) {
    let farthest = among[0];
    for (const row of among) if (bounds[row] > bounds[farthest]) farthest = row;
    if (!first && bounds[farthest] <= beyond) return;
    chosen.push(farthest);
    for (const row of among) {
      const square = squaredDistance(rows, dims, row, farthest);
      if (square < bounds[row]) bounds[row] = square;
      known[row] = chosen.length;
    }
    bounds[farthest] = Number.NEGATIVE_INFINITY;
  }
}
