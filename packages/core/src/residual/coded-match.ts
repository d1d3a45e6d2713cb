/**
 * The match of Eq. 3-4 against good pictures in codes (ours). Codes are whole numbers already: with queries rounded to bytes a search in
 * bytes proposes the nearest of each token's candidates, at a quarter of the cost, and those few are compared as they are.
 */
import {
  abs,
  add,
  addScalar,
  argMax,
  cast,
  concat,
  div,
  expand,
  floor,
  gather,
  gatherElements,
  greater,
  matmul,
  matmulBytes,
  maximum,
  mul,
  neg,
  reduceMax,
  reshape,
  scale,
  shiftLeft,
  slice,
  sub,
  swapLast,
  topK,
  transpose,
  type Value,
  where,
} from '@adclick/ortgrad';
import { type CodedPart, type CodedValues, coordinatesOn } from './coded-bank.ts';
import { bytesOf, type CodedBand, codesOn, meantBy, stepsOf } from './codes.ts';
import { type PlacesShape, type Tiling, tilingOf } from './match.ts';

/**
 * Places near a token whose tokens go on, with those of each picture there, and how many of these are compared exactly. Of 6 pictures of
 * mvtec_bottle and mvtec3d_tire the nearest token was among these for all but 0.05 % of tokens at most; AP of both is what an exact search gives.
 */
const [PLACES, FINALISTS] = [4, 8];

/** Largest weight of a byte. */
const MOST = 127;
/** The first axes, along which most differs, are weighed by eighths of a weight: 8 code, and code. */
const EIGHTH = 3;
/** Added to scores of candidates that do not count; two of them stay within int32. */
const OUT = -(2 ** 29);
/** Keeps a division finite. */
const TINY = 1e-9;

/** x to the nearest whole number. */
const rounded = (x: Value): Value => floor(addScalar(x, 0.5));

/** What is proposed by, and what it is made of. */
interface Coarse {
  /** Of all tokens of K pictures, uint8 (K * h * w, D): 8 codes and codes along the first axes, codes along the others, -|z|² / 2 in two digits. */
  readonly table: Value;
  /** Of the queries, (h * w, D), whole numbers of a byte: their products with rows of the table are z.q - |z|² / 2 in small units. */
  readonly weights: Value;
  /** The same for rows of codes, exactly, without -|z|² / 2: (h * w, D). */
  readonly exact: Value;
}

/**
 * Codes and queries as bytes. A unit of the scores is so small that no weight is cut off: the largest factor of this picture decides.
 * Two neighbouring terms stay within int16: 2 * 120 * 127 at most along the first axes, 127 * 127 + 126 in the last two.
 * @param factors coordinates times steps, (h * w, n). @param halves -|z|² / 2, (K, h * w).
 */
function coarseOn(factors: Value, bytes: Value, halves: Value, bands: readonly CodedBand[]): Coarse {
  const { graph } = factors;
  const [rows, axes] = factors.shape as [number, number];
  const codes = codesOn(bytes, bands);
  const first = codes[0].shape[1];
  const largest = (x: Value) => reduceMax(abs(x)); // ()
  const [front, rest] = [slice(factors, 1, 0, first), slice(factors, 1, first, axes)];
  const units = [scale(largest(front), 1 / (MOST << EIGHTH)), scale(largest(halves), 1 / (MOST * MOST))];
  if (first < axes) units.push(scale(largest(rest), 1 / MOST));
  const unit = addScalar(units.reduce(maximum), TINY); // ()
  const inUnits = div(front, unit); // (h * w, first)
  const eighths = rounded(scale(inUnits, 1 / (1 << EIGHTH))); // (h * w, first)
  const beyond = rounded(sub(inUnits, scale(eighths, 1 << EIGHTH))); // (h * w, first)
  const others = first < axes ? [rounded(div(rest, unit))] : []; // (h * w, n - first)
  const ends = graph.constant(Float32Array.of(-MOST, -1), [1, 2]);
  const weights = concat([eighths, beyond, ...others, expand(ends, [rows, 2])], 1); // (h * w, D)

  const size = rounded(div(halves, neg(unit))); // (K, h * w)
  const high = floor(scale(size, 1 / MOST)); // (K, h * w)
  const digits = [high, sub(size, scale(high, MOST))].map((digit) => reshape(cast(digit, 'uint8'), [-1, 1])); // (K * h * w, 1)
  const table = concat([shiftLeft(codes[0], EIGHTH), ...codes, ...digits], 1); // (K * h * w, D)

  const none = (columns: number) => expand(graph.scalar(0), [rows, columns]);
  return { table, weights, exact: concat([none(first), factors, none(2)], 1) };
}

/**
 * The best of each token's candidates by scores in bytes: numbers of rows of the table, int64 (h * w, F), best first; of equal ones the
 * first place in row-major order comes first, then the first picture. Where there are fewer candidates the best is repeated.
 */
function proposedOn({ table, weights }: Coarse, neighbours: number, tiling: Tiling): Value {
  const { graph } = table;
  const { tiles, queries, candidates } = tiling;
  const cells = table.shape[0] / neighbours;
  const [all, wide] = weights.shape as [number, number];
  const tiled = reshape(gather(weights, graph.constant(tiling.order, [all]), 0), [tiles, queries, wide]); // (T, Q, D)
  const asked = cast(swapLast(tiled), 'int8'); // (T, D, Q)
  const places = graph.constant(tiling.cells, [tiles * candidates]);
  const behind = (k: number) => add(places, graph.constant(Int32Array.of(k * cells), [1])); // (T * C)
  const scores = Array.from({ length: neighbours }, (_, k) => {
    const region = gather(table, behind(k), 0); // (T * C, D)
    return matmulBytes(reshape(region, [tiles, candidates, wide]), asked); // (T, C, Q) int32
  });

  const whole = (values: Float32Array) => Int32Array.from(values, (value) => (value < 0 ? OUT : 0));
  const inGrid = add(scores.reduce(maximum), graph.constant(whole(tiling.outside), [tiles, candidates, 1])); // (T, C, Q)
  const inDisc = add(inGrid, graph.constant(whole(tiling.far), [candidates, queries])); // (T, C, Q)
  const top = topK(inDisc, Math.min(PLACES, candidates), 1); // (T, P, Q)
  const counts = greater(top.values, graph.constant(Int32Array.of(OUT / 2), [1])); // (T, P, Q) bool
  const best = where(counts, top.indices, slice(top.indices, 1, 0, 1)); // (T, P, Q) int64
  const count = best.shape[1];

  const atPlaces = scores.map((score) => reshape(gatherElements(score, best, 1), [tiles, count, 1, queries]));
  const there = reshape(concat(atPlaces, 2), [tiles, count * neighbours, queries]); // (T, P * K, Q)
  const final = topK(there, Math.min(FINALISTS, count * neighbours), 1); // (T, F, Q)

  const firsts = BigInt64Array.from({ length: tiles }, (_, tile) => BigInt(tile * candidates));
  const inTable = add(best, graph.constant(firsts, [tiles, 1, 1])); // (T, P, Q) int64
  const cell = gather(graph.int64(Array.from(tiling.cells)), inTable, 0); // (T, P, Q) int64
  const pictures = BigInt64Array.from({ length: neighbours }, (_, k) => BigInt(k * cells));
  const numbers = add(reshape(cell, [tiles, count, 1, queries]), graph.constant(pictures, [neighbours, 1])); // (T, P, K, Q)
  const numbered = reshape(numbers, [tiles, count * neighbours, queries]); // (T, P * K, Q)
  const proposed = gatherElements(numbered, final.indices, 1); // (T, F, Q)
  const rows = reshape(transpose(proposed, [0, 2, 1]), [all, final.indices.shape[1]]); // (T * Q, F)
  return gather(rows, graph.constant(tiling.inverse, [all]), 0); // (rows * w, F) int64
}

/** The nearest of the proposed rows: int64 (h * w, F) -> (h * w). */
function nearestOf({ table, exact }: Coarse, halves: Value, proposed: Value): Value {
  const [cells, count] = proposed.shape as [number, number];
  const wide = table.shape[1];
  const rows = cast(gather(table, reshape(proposed, [cells * count]), 0), 'float32'); // (h * w * F, D)
  const products = matmul(reshape(rows, [cells, count, wide]), reshape(exact, [cells, wide, 1])); // (h * w, F, 1)
  const score = add(reshape(products, [cells, count]), gather(reshape(halves, [-1]), proposed, 0)); // (h * w, F)
  return reshape(gatherElements(proposed, argMax(score, 1, true), 1), [cells]);
}

/** Codes, uint8 (rows, bytes) -> channels (rows, C): coordinates along the axes, turned back. */
function restoredOn(bytes: Value, { bands, mean, directions }: CodedPart): Value {
  const { graph } = bytes;
  const channels = mean.length;
  const steps = stepsOf(bands);
  const lowest = bands.flatMap((band) => Array.from(band.steps, (step) => meantBy(0, step, band.levels)));
  const turned = new Float32Array(directions.length);
  const least = Float32Array.from(mean);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < steps.length; i++) {
      turned[i * channels + c] = steps[i] * directions[c * steps.length + i];
      least[c] += lowest[i] * directions[c * steps.length + i];
    }
  const codes = cast(concat(codesOn(bytes, bands), 1), 'float32'); // (rows, n)
  return add(matmul(codes, graph.constant(turned, [steps.length, channels])), graph.constant(least, [channels]));
}

/**
 * The match of Eq. 3-4 against the codes of K pictures.
 *
 * A token restored from its coordinates z is m + Az with axes A at right angles, so that its distance from f is that of z from Aᵀ(f - m)
 * and of what f has beside the axes, which no choice of a token changes: the nearest coordinates are those of the nearest token. All
 * axes are searched: tokens that are alike along some would be chosen among by rounding, and runtimes round differently.
 * @param query (rows * w, D), those of the rows that are asked. @param codes of h rows.
 * @returns r = f* - f of the coded channels, (rows * w, channels).
 */
export function codedMatchOn(
  query: Value,
  { bytes, halves }: CodedValues,
  parts: readonly CodedPart[],
  { height, width, radius, asked = { from: 0, to: height } }: PlacesShape,
): Value {
  const { graph } = query;
  const [neighbours, cells, row] = bytes.shape as [number, number, number];
  const [first] = parts;
  const all = reshape(bytes, [neighbours * cells, row]); // (K * h * w, bytes)
  const half = cast(halves, 'float32'); // (K, h * w)
  const steps = stepsOf(first.bands);
  const front = slice(query, 1, 0, first.mean.length); // (h * w, m)
  const factors = mul(coordinatesOn(front, first), graph.constant(steps, [steps.length])); // (h * w, n)
  const coarse = coarseOn(factors, slice(all, 1, 0, bytesOf(first.bands)), half, first.bands);
  const proposed = proposedOn(coarse, neighbours, tilingOf(height, width, radius, asked)); // (h * w, F)
  const chosen = gather(all, nearestOf(coarse, half, proposed), 0); // (h * w, bytes)
  let at = 0;
  const restored = parts.map((part) => {
    const own = slice(chosen, 1, at, at + bytesOf(part.bands)); // (h * w, bytes of the part)
    at += bytesOf(part.bands);
    return restoredOn(own, part); // (h * w, channels of the part)
  });
  const nearest = concat(restored, 1); // (h * w, channels)
  return sub(nearest, slice(query, 1, 0, nearest.shape[1]));
}
