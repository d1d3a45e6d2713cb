/** A checkpoint of WideResNet-50-2 that is small: all of its tensors are views of one storage. */
import { ARCHITECTURES } from '@adclick/core/models';
import { dict, tensor, torchZip } from '../../core/test/torch-files.ts';

/** Numbers in the largest tensor. */
const COUNT = 512 * 512 * 9;
const storage = new Uint8Array(new Float32Array(COUNT).fill(1).buffer);
const { tensors } = ARCHITECTURES.get('wide-resnet-50-2')!;
const shapes = new Map(tensors.flatMap(({ from }) => from.map(({ name, shape }) => [name, shape] as const)));

/** As a training program wraps it; ten megabytes. @param more values beside its tensors, as instructions of a pickle. */
export function wideCheckpoint(
  without: readonly string[] = [],
  more: Readonly<Record<string, Uint8Array>> = {},
): Buffer {
  const said = (shape: readonly number[]) => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
    return tensor({ count: COUNT, shape, strides });
  };
  const kept = [...shapes].filter(([name]) => !without.includes(name)).map(([name, shape]) => [name, said(shape)]);
  const head = { 'fc.bias': said([1000]), 'layer4.0.bn1.bias': said([1024]), 'bn1.num_batches_tracked': said([]) };
  return torchZip(dict({ state_dict: dict({ ...Object.fromEntries(kept), ...head, ...more }) }), { 0: storage });
}
