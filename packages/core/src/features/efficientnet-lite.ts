/** EfficientNet-Lite (Tan & Le's networks without squeeze-excitation, ReLU6 throughout) as a frozen graph, batch norms folded into the weights. */
import { add, clamp, conv2d, type FrozenParameters, type Value } from '@adclick/ortgrad';

/** One stage: `repeats` inverted-residual blocks, the first with the stage's stride. */
interface Stage {
  readonly kernel: number;
  readonly stride: number;
  readonly expand: number;
  readonly repeats: number;
  readonly channels: number;
}

const STEM_CHANNELS = 32;

/** Lite0 has width and depth 1: the stages of EfficientNet-B0. */
const LITE0: readonly Stage[] = [
  { kernel: 3, stride: 1, expand: 1, repeats: 1, channels: 16 },
  { kernel: 3, stride: 2, expand: 6, repeats: 2, channels: 24 },
  { kernel: 5, stride: 2, expand: 6, repeats: 2, channels: 40 },
  { kernel: 3, stride: 2, expand: 6, repeats: 3, channels: 80 },
  { kernel: 5, stride: 1, expand: 6, repeats: 3, channels: 112 },
  { kernel: 5, stride: 2, expand: 6, repeats: 4, channels: 192 },
  { kernel: 3, stride: 1, expand: 6, repeats: 1, channels: 320 },
];

/** Zeros of TensorFlow's SAME rule before and behind one axis, the smaller half first. */
function samePadding(side: number, kernel: number, stride: number): readonly [number, number] {
  const total = Math.max((Math.ceil(side / stride) - 1) * stride + kernel - side, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

interface Conv {
  readonly channels: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly depthwise?: boolean;
  readonly activation?: boolean;
}

/** Convolution with SAME padding and a bias, then ReLU6 unless told otherwise. */
export function convolution(weights: FrozenParameters, name: string, x: Value, options: Conv): Value {
  const { channels, kernel = 1, stride = 1, depthwise = false, activation = true } = options;
  const [, from, height, width] = x.shape as [number, number, number, number];
  const [top, bottom] = samePadding(height, kernel, stride);
  const [left, right] = samePadding(width, kernel, stride);
  const w = weights.get(`${name}.weight`, [channels, depthwise ? 1 : from, kernel, kernel]);
  const b = weights.get(`${name}.bias`, [channels]);
  const y = conv2d(x, w, b, { stride, padding: [top, left, bottom, right], groups: depthwise ? from : 1 });
  return activation ? clamp(y, 0, 6) : y;
}

function block(weights: FrozenParameters, name: string, x: Value, stage: Stage, stride: number): Value {
  const from = x.shape[1];
  const { kernel, expand, channels } = stage;
  const wide = expand > 1 ? convolution(weights, `${name}.expand`, x, { channels: from * expand }) : x;
  const moved = convolution(weights, `${name}.depthwise`, wide, {
    channels: from * expand,
    kernel,
    stride,
    depthwise: true,
  });
  const y = convolution(weights, `${name}.project`, moved, { channels, activation: false });
  if (stride !== 1 || from !== channels) return y;
  return add(x, y);
}

/**
 * EfficientNet-Lite0 from one stage to another.
 * @param x scaled picture (1, 3, H, W): (value - 127) / 128; the output of stage `first - 1` where that is not 0.
 * @param last number of the last stage to build, 0 to 6.
 * @returns the output of each stage from `first` on, (1, C, H/s, W/s), sides rounded up.
 */
export function efficientnetLite0(weights: FrozenParameters, x: Value, last: number, first = 0): Value[] {
  let y = first === 0 ? convolution(weights, 'stem', x, { channels: STEM_CHANNELS, kernel: 3, stride: 2 }) : x;
  return LITE0.slice(first, last + 1).map((stage, at) => {
    for (let i = 0; i < stage.repeats; i++)
      y = block(weights, `stages.${first + at}.${i}`, y, stage, i === 0 ? stage.stride : 1);
    return y;
  });
}
