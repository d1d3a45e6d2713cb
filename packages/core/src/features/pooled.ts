/**
 * Descriptors by PatchCore's recipe (Roth et al.; patchcore-inspection, src/patchcore/common.py): of every tap the 3 × 3 neighbourhood of each
 * cell, pooled to D channels, and of all taps together to D again.
 *
 * The recipe unfolds a tap to 9 C channels, brings them to the token grid and takes adaptive means over them. All of it is linear, and where C
 * divides D a mean never leaves its channel: D / C small filters, the same for every channel, give it at once.
 */
import {
  concat,
  conv2d,
  type Graph,
  reduceMean,
  reshape,
  resizeBilinear,
  transpose,
  type Value,
} from '@adclick/ortgrad';

/** Cells along each side of a neighbourhood. */
const SIDE = 3;

/**
 * Filters of one channel, (count, 1, side, side): each the mean of a run of its 9 neighbours, row by row, and of the `step` x `step` cells in a
 * token, since bilinear resizing to half the size is their mean.
 */
function filtersOn(graph: Graph, count: number, step: number): Value {
  const [cells, side] = [SIDE * SIDE, SIDE + step - 1];
  const filters = new Float32Array(count * side * side);
  for (let n = 0; n < count; n++) {
    const [from, to] = [Math.floor((n * cells) / count), Math.ceil(((n + 1) * cells) / count)];
    const share = 1 / (to - from) / (step * step);
    for (let cell = from; cell < to; cell++)
      for (let y = 0; y < step; y++)
        for (let x = 0; x < step; x++)
          filters[(n * side + Math.floor(cell / SIDE) + y) * side + (cell % SIDE) + x] += share;
  }
  return graph.constant(filters, [count, 1, side, side]);
}

/** One tap on the token grid: (1, C, H, W) -> (1, dims, h, w). Outside of the map lie zeros. */
export function pooledTap(map: Value, dims: number, [h, w]: readonly [number, number]): Value {
  const [, channels, height, width] = map.shape as [number, number, number, number];
  const step = Math.max(height / h, 1);
  const filters = filtersOn(map.graph, dims / channels, step);
  const alone = reshape(map, [channels, 1, height, width]); // (C, 1, H, W)
  const means = conv2d(alone, filters, null, { stride: step, padding: 1 }); // (C, dims / C, H / step, W / step)
  const all = reshape(means, [1, dims, height / step, width / step]); // (1, dims, H / step, W / step)
  return height < h ? resizeBilinear(all, [h, w]) : all; // (1, dims, h, w)
}

/** Of what {@link pooledTap} gives of K taps, which each take as many of the means: (1, dims, h, w) each -> (h * w, dims). */
export function pooledTokens(taps: readonly Value[]): Value {
  const [, dims, h, w] = taps[0].shape as [number, number, number, number];
  const means = reduceMean(reshape(concat(taps, 1), [dims, taps.length, h * w]), [1]); // (dims, h * w)
  return transpose(means, [1, 0]); // (h * w, dims)
}
