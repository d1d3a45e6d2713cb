/** Two-dimensional convolution, channels first. */
import type { Value } from '../graph.ts';
import { emit, shapeError, track } from './common.ts';
import { matmul } from './matmul.ts';
import { reduceSum } from './reduce.ts';
import { concat, reshape, swapLast, transpose } from './shape.ts';

/** Settings of {@link conv2d}. */
export interface ConvOptions {
  /** Default 1. */
  readonly stride?: number;
  /** Zeros on every side, or [top, left, bottom, right]; default 0. */
  readonly padding?: number | readonly [number, number, number, number];
  /** Channel groups; default 1. */
  readonly groups?: number;
}

/** Up to so many features, four positions are computed at once: together they fill a vector of 16 numbers. */
const FEW = 4;
/** Row and column of the positions of a square. */
const SQUARE = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

interface Geometry {
  readonly stride: number;
  readonly pads: readonly [number, number, number, number];
  readonly groups: number;
  readonly kernel: readonly [number, number];
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
}

/**
 * x (B, Ci, H, W) * w (Co, Ci/groups, kh, kw) + b (Co) -> (B, Co, H', W') with H' = ⌊(H + pads - kh) / stride⌋ + 1.
 * Meant for stems and light decoders: the weight's gradient is kh·kw products over shifted copies of the input.
 */
export function conv2d(x: Value, w: Value, b?: Value | null, options: ConvOptions = {}): Value {
  const { stride = 1, padding = 0, groups = 1 } = options;
  const pads = typeof padding === 'number' ? ([padding, padding, padding, padding] as const) : padding;
  const [batch, channels, height, width] = x.shape;
  const [features, perGroup, kh, kw] = w.shape;
  if (x.shape.length !== 4 || w.shape.length !== 4 || perGroup * groups !== channels || features % groups !== 0) {
    throw shapeError('conv2d', `x (B, Ci, H, W) needs w (Co, Ci/${groups}, kh, kw)`, x.shape, w.shape);
  }
  if (b && (b.shape.length !== 1 || b.shape[0] !== features)) {
    throw shapeError('conv2d', 'the bias must be (Co)', w.shape, b.shape);
  }
  const out = (side: number, before: number, after: number, kernel: number) =>
    Math.floor((side + before + after - kernel) / stride) + 1;
  const to = [out(height, pads[0], pads[2], kh), out(width, pads[1], pads[3], kw)] as const;
  if (to[0] < 1 || to[1] < 1)
    throw shapeError('conv2d', 'the kernel is larger than the padded input', x.shape, w.shape);

  const geometry: Geometry = { stride, pads, groups, kernel: [kh, kw], from: [height, width], to };
  const few = features <= FEW && kh * kw > 1 && stride === 1 && groups === 1 && to.every((side) => side % 2 === 0);
  const y = few
    ? fourAtOnce(x, w, b ?? undefined, geometry)
    : emit(x.graph, 'Conv', b ? [x, w, b] : [x, w], [batch, features, ...to], {
        kernel_shape: [kh, kw],
        pads,
        strides: [stride, stride],
        group: groups,
      });
  return track(y, b ? [x, w, b] : [x, w], (dy) => [
    x.needsGrad ? inputGradient(dy, w, channels, geometry) : null,
    w.needsGrad ? weightGradient(dy, x, w.shape, geometry) : null,
    ...(b ? [reduceSum(dy, [0, 2, 3])] : []),
  ]);
}

/**
 * A convolution with few features, computed for squares of 2×2 positions at once: onnxruntime fills its vectors with features and
 * would leave most of them empty. The kernel stands four times in one that is a tap larger, once for each position.
 */
function fourAtOnce(x: Value, w: Value, b: Value | undefined, { pads, kernel, to }: Geometry): Value {
  const { graph } = x;
  const [features, channels] = w.shape;
  const [kh, kw] = [kernel[0] + 1, kernel[1] + 1];
  const shape = [features, channels, kh, kw];
  const placed = SQUARE.map(([i, j]) => emit(graph, 'Pad', [w, graph.int64([0, 0, i, j, 0, 0, 1 - i, 1 - j])], shape));
  const kernels = emit(graph, 'Concat', placed, [4 * features, channels, kh, kw], { axis: 0 });
  const inputs = b ? [x, kernels, emit(graph, 'Concat', [b, b, b, b], [4 * features], { axis: 0 })] : [x, kernels];
  const [height, width] = [to[0] / 2, to[1] / 2];
  const y = emit(graph, 'Conv', inputs, [x.shape[0], 4 * features, height, width], {
    kernel_shape: [kh, kw],
    pads,
    strides: [2, 2],
    group: 1,
  });
  const squares = [x.shape[0], 2, 2, features, height, width];
  const cells = emit(graph, 'Reshape', [y, graph.int64(squares)], squares);
  const spread = emit(graph, 'Transpose', [cells], [x.shape[0], features, height, 2, width, 2], {
    perm: [0, 3, 4, 1, 5, 2],
  });
  const whole = [x.shape[0], features, ...to];
  return emit(graph, 'Reshape', [spread, graph.int64(whole)], whole);
}

/** With stride 1 a convolution by the flipped, transposed kernel, which is faster than ConvTranspose. */
function inputGradient(dy: Value, w: Value, channels: number, { stride, pads, groups, kernel, from, to }: Geometry) {
  const { graph } = dy;
  const [kh, kw] = kernel;
  const shape = [dy.shape[0], channels, ...from];
  const inner = [kh - 1 - pads[0], kw - 1 - pads[1], kh - 1 - pads[2], kw - 1 - pads[3]];
  if (stride === 1 && inner.every((side) => side >= 0)) {
    const [features, perGroup] = w.shape;
    const taps = reshape(w, [groups, features / groups, perGroup, kh * kw]);
    const backwards = graph.int64(Array.from({ length: kh * kw }, (_, tap) => kh * kw - 1 - tap));
    const flipped = emit(
      graph,
      'Gather',
      [transpose(taps, [0, 2, 1, 3]), backwards],
      [groups, perGroup, features / groups, kh * kw],
      { axis: 3 },
    );
    const kernels = reshape(flipped, [channels, features / groups, kh, kw]);
    return emit(graph, 'Conv', [dy, kernels], shape, {
      kernel_shape: [kh, kw],
      pads: inner,
      strides: [1, 1],
      group: groups,
    });
  }
  const reach = (axis: 0 | 1) => (to[axis] - 1) * stride + kernel[axis] - pads[axis] - pads[axis + 2];
  return emit(graph, 'ConvTranspose', [dy, w], shape, {
    kernel_shape: [kh, kw],
    pads,
    strides: [stride, stride],
    output_padding: [from[0] - reach(0), from[1] - reach(1)],
    group: groups,
  });
}

/** One product a kernel tap: dy (B, g, Co/g, P) · shifted x (B, g, Ci/g, P)ᵀ, summed over the batch. */
function weightGradient(dy: Value, x: Value, shape: readonly number[], { stride, pads, groups, kernel, to }: Geometry) {
  const { graph } = dy;
  const [batch, channels, height, width] = x.shape;
  const [features, perGroup, kh, kw] = shape;
  const padded = [batch, channels, height + pads[0] + pads[2], width + pads[1] + pads[3]];
  const wide = pads.some((side) => side > 0)
    ? emit(graph, 'Pad', [x, graph.int64([0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]])], padded)
    : x;
  const area = to[0] * to[1];
  const outer = reshape(dy, [batch, groups, features / groups, area]);
  const taps: Value[] = [];
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const ends = [i + (to[0] - 1) * stride + 1, j + (to[1] - 1) * stride + 1];
      const ports = [wide, graph.int64([i, j]), graph.int64(ends), graph.int64([2, 3]), graph.int64([stride, stride])];
      const shifted = emit(graph, 'Slice', ports, [batch, channels, ...to]);
      const product = matmul(outer, swapLast(reshape(shifted, [batch, groups, perGroup, area])));
      taps.push(reshape(reduceSum(product, [0]), [features, perGroup, 1]));
    }
  }
  return reshape(concat(taps, 2), [features, perGroup, kh, kw]);
}
