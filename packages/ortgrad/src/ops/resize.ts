/** Bilinear resizing, with half-pixel centres or with corners on corners. */
import type { Graph, Value } from '../graph.ts';
import { emit, shapeError, track } from './common.ts';
import { reshape } from './shape.ts';

/** Settings of {@link resizeBilinear}. */
export interface ResizeOptions {
  /** 'nchw' (default): x (B, C, H, W); 'nhwc': x (B, H, W, C). */
  readonly layout?: 'nchw' | 'nhwc';
  /** Puts the corner samples on each other, as PyTorch does with align_corners=True, in place of pixel centres. */
  readonly alignCorners?: boolean;
}

/** Where a target sample lies among the source samples. */
const centreOf = (i: number, source: number, target: number, corners: boolean): number =>
  corners ? (i * (source - 1)) / Math.max(target - 1, 1) : ((i + 0.5) * source) / target - 0.5;

/** Rows are the weights with which source samples make each target sample: target × source. */
function weights(source: number, target: number, corners: boolean): Float32Array {
  const out = new Float32Array(target * source);
  for (let i = 0; i < target; i++) {
    const centre = Math.min(Math.max(centreOf(i, source, target, corners), 0), source - 1);
    const low = Math.floor(centre);
    const part = centre - low;
    out[i * source + low] += 1 - part;
    if (part > 0) out[i * source + low + 1] += part;
  }
  return out;
}

function matrix(graph: Graph, source: number, target: number, corners: boolean, transposed: boolean): Value {
  const rows = weights(source, target, corners);
  if (!transposed) return graph.constant(rows, [target, source]);
  const flipped = new Float32Array(rows.length);
  for (let i = 0; i < target; i++) for (let j = 0; j < source; j++) flipped[j * target + i] = rows[i * source + j];
  return graph.constant(flipped, [source, target]);
}

/** m [T, S] · x (..., S, inner) along the last axis but one. */
function along(m: Value, x: Value, lead: number, inner: number): Value {
  const [target, source] = m.shape;
  return emit(x.graph, 'MatMul', [m, reshape(x, [lead, source, inner])], [lead, target, inner]);
}

/**
 * Two products with constant matrices, one a direction: the gradient of a resize (transposed), and the resize itself where
 * channels come last.
 */
function separable(x: Value, layout: 'nchw' | 'nhwc', sides: Sides, transposed: boolean): Value {
  const { batch, channels, from, to, corners } = sides;
  const [h, w] = transposed ? to : from;
  const [newH, newW] = transposed ? from : to;
  const vertical = matrix(x.graph, from[0], to[0], corners, transposed);
  if (layout === 'nhwc') {
    const rows = along(vertical, x, batch, w * channels);
    const both = along(matrix(x.graph, from[1], to[1], corners, transposed), rows, batch * newH, channels);
    return reshape(both, [batch, newH, newW, channels]);
  }
  const horizontal = matrix(x.graph, from[1], to[1], corners, !transposed);
  const flat = reshape(x, [batch * channels * h, w]);
  const columns = emit(x.graph, 'MatMul', [flat, horizontal], [batch * channels * h, newW]);
  return reshape(along(vertical, columns, batch * channels, newW), [batch, channels, newH, newW]);
}

interface Sides {
  readonly batch: number;
  readonly channels: number;
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly corners: boolean;
}

/** Resizes height and width; samples sit at pixel centres, as in PyTorch with align_corners=False, unless the options say otherwise. */
export function resizeBilinear(x: Value, size: readonly [number, number], options: ResizeOptions = {}): Value {
  const { layout = 'nchw', alignCorners: corners = false } = options;
  if (x.shape.length !== 4 || !size.every((side) => Number.isInteger(side) && side > 0)) {
    throw shapeError('resizeBilinear', 'needs four axes and two positive sides', x.shape, size);
  }
  const [batch, second, third, last] = x.shape;
  const sides: Sides =
    layout === 'nchw'
      ? { batch, channels: second, from: [third, last], to: [size[0], size[1]], corners }
      : { batch, channels: last, from: [second, third], to: [size[0], size[1]], corners };
  const y = layout === 'nchw' ? native(x, sides) : separable(x, layout, sides, false);
  return track(y, [x], (dy) => [separable(dy, layout, sides, true)]);
}

function native(x: Value, { batch, channels, from, to, corners }: Sides): Value {
  const { graph } = x;
  const shape = [batch, channels, ...to];
  const factors = to.map((side, axis) => side / from[axis]);
  // Whole factors are said as such: onnxruntime then resizes in the layout that its convolutions work in.
  const ports =
    !corners && factors.every(Number.isInteger)
      ? [x, null, graph.constant(Float32Array.of(1, 1, ...factors), [4])]
      : [x, null, null, graph.int64(shape)];
  const mode = corners ? 'align_corners' : 'half_pixel';
  return emit(graph, 'Resize', ports, shape, { mode: 'linear', coordinate_transformation_mode: mode });
}
