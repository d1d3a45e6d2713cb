/**
 * Wide residual networks with bottlenecks (`torchvision.models.wide_resnet50_2`: the stride lies on the 3 × 3) as frozen graphs, batch
 * norms folded into the weights.
 */
import {
  add,
  conv2d,
  type FrozenParameters,
  maximum,
  pad,
  relu,
  reshape,
  slice,
  split,
  type Value,
} from '@adclick/ortgrad';

/** Sides of one network. */
export interface WideResNetShape {
  /** Channels behind the stem (64). */
  readonly channels: number;
  /** Blocks of layers 1 to 3. */
  readonly blocks: readonly [number, number, number];
}

/** WideResNet-50-2. */
export const WIDE_RESNET_50_2: WideResNetShape = { channels: 64, blocks: [3, 4, 6] };

/** Channels of a bottleneck. */
export interface Bottleneck {
  readonly inputs: number;
  /** Of its 3 × 3 convolution: twice those of a plain network, which is what "wide 2" says. */
  readonly width: number;
  readonly outputs: number;
}

/** The blocks of layer 1, 2 or 3. */
export function bottlenecks({ channels, blocks }: WideResNetShape, layer: 1 | 2 | 3): Bottleneck[] {
  const planes = channels * 2 ** (layer - 1);
  const outputs = 4 * planes;
  const before = layer === 1 ? channels : outputs / 2;
  return Array.from({ length: blocks[layer - 1] }, (_, i) => ({
    inputs: i === 0 ? before : outputs,
    width: 2 * planes,
    outputs,
  }));
}

/** Convolution with a bias and zeros around, so that stride 1 keeps the sides: (1, C, H, W) -> (1, channels, ⌈H/stride⌉, ⌈W/stride⌉). */
function convolution(
  weights: FrozenParameters,
  name: string,
  x: Value,
  channels: number,
  kernel = 1,
  stride = 1,
): Value {
  const w = weights.get(`${name}.weight`, [channels, x.shape[1], kernel, kernel]);
  const b = weights.get(`${name}.bias`, [channels]);
  return conv2d(x, w, b, { stride, padding: (kernel - 1) / 2 });
}

/** The largest of three neighbours along an axis, around every second one: its side is halved. Zeros lie around, and x is not negative. */
function largestAlong(x: Value, axis: number): Value {
  const half = x.shape[axis] / 2;
  const shape = x.shape.map((side, i) => (i === axis ? half : side));
  const pairs = reshape(x, [...x.shape.slice(0, axis), half, 2, ...x.shape.slice(axis + 1)]);
  const [even, odd] = split(pairs, axis + 1, 2).map((each) => reshape(each, shape));
  const before = pad(slice(odd, axis, 0, half - 1), axis, 1, 0);
  return maximum(maximum(before, even), odd);
}

/** Picture to the maps that layer1 begins with: scaled (1, 3, H, W) -> (1, channels, H/4, W/4). */
export function wideResNetStem(weights: FrozenParameters, x: Value, { channels }: WideResNetShape): Value {
  const y = relu(convolution(weights, 'stem', x, channels, 7, 2)); // (1, channels, H/2, W/2)
  return largestAlong(largestAlong(y, 3), 2); // (1, channels, H/4, W/4)
}

/** One bottleneck: (1, inputs, H, W) -> (1, outputs, H/stride, W/stride). */
function block(
  weights: FrozenParameters,
  name: string,
  x: Value,
  { width, outputs }: Bottleneck,
  stride: number,
): Value {
  const narrow = relu(convolution(weights, `${name}.conv1`, x, width)); // (1, width, H, W)
  const moved = relu(convolution(weights, `${name}.conv2`, narrow, width, 3, stride)); // (1, width, H/s, W/s)
  const y = convolution(weights, `${name}.conv3`, moved, outputs); // (1, outputs, H/s, W/s)
  const around = x.shape[1] === outputs ? x : convolution(weights, `${name}.downsample`, x, outputs, 1, stride);
  return relu(add(y, around)); // (1, outputs, H/s, W/s)
}

/**
 * One layer, by torchvision's count: layer 1 keeps the size of what the stem gives, the others halve that of the layer before.
 * @returns its last map, (1, 4 · channels · 2^(layer - 1), H/s, W/s).
 */
export function wideResNetLayer(weights: FrozenParameters, x: Value, layer: 1 | 2 | 3, shape: WideResNetShape): Value {
  let y = x;
  for (const [i, each] of bottlenecks(shape, layer).entries())
    y = block(weights, `layer${layer}.${i}`, y, each, i === 0 && layer > 1 ? 2 : 1);
  return y;
}
