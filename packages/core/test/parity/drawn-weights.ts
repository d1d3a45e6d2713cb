/** Weights of a network that both sides of a comparison draw by their names in its checkpoints, as bench/reference draws them. */
import { elementCount, type Tensor, tensor } from '@adclick/ortgrad';
import type { Architecture, Expected } from '../../src/checkpoints/architecture.ts';
import { seeded } from './seeded.ts';

/** Gains around 1, biases and tables around 0, matrices so that they keep the size of what goes through. */
function drawn({ name, shape }: Expected, under: string): Tensor {
  const own = name.slice(under.length);
  if (own.endsWith('_table')) return seeded(own, shape, 1);
  if (shape.length > 1) return seeded(own, shape, Math.sqrt(3 / elementCount(shape.slice(1))));
  const isGain = /norm[^.]*\.weight$/i.test(own);
  return isGain ? seeded(own, shape, 0.5, 1) : seeded(own, shape, 0.2);
}

/** Our tensors from those that a checkpoint would have, by the way that importing takes. @param under what the reference leaves out of names. */
export function drawnWeights({ tensors }: Architecture, under = ''): Map<string, Tensor> {
  return new Map(
    tensors.map(({ name, shape, from, make }) => {
      const parts = from.map((one) => drawn(one, under).data as Float32Array);
      return [name, tensor(make ? make(parts) : parts[0], shape)];
    }),
  );
}
