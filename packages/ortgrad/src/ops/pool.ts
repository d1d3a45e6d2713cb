/** Means over squares of a map, channels first. */
import type { Value } from '../graph.ts';
import { emit, shapeError, track } from './common.ts';
import { reshape } from './shape.ts';

/**
 * x (B, C, H, W) -> (B, C, H', W') with H' = ⌊(H - side) / stride⌋ + 1: the mean of each square that lies inside.
 * @param stride default 1.
 */
export function averagePool(x: Value, side: number, stride = 1): Value {
  const [batch, channels, height, width] = x.shape;
  const whole = [side, stride].every((value) => Number.isInteger(value) && value >= 1);
  if (x.shape.length !== 4 || !whole || side > Math.min(height, width)) {
    throw shapeError('averagePool', 'x (B, C, H, W) needs a stride and squares that fit into it', x.shape, [
      side,
      stride,
    ]);
  }
  const [h, w] = [height, width].map((length) => Math.floor((length - side) / stride) + 1);
  const y = emit(x.graph, 'AveragePool', [x], [batch, channels, h, w], {
    kernel_shape: [side, side],
    strides: [stride, stride],
  });
  return track(y, [x], (dy) => {
    const { graph } = x;
    const planes = reshape(dy, [batch * channels, 1, h, w]);
    const kernel = graph.filled(1 / (side * side), [1, 1, side, side]);
    const rest = (length: number, steps: number) => length - (steps - 1) * stride - side;
    const spread = emit(graph, 'ConvTranspose', [planes, kernel], [batch * channels, 1, height, width], {
      kernel_shape: [side, side],
      strides: [stride, stride],
      output_padding: [rest(height, h), rest(width, w)],
    });
    return [reshape(spread, x.shape)];
  });
}
