/** The paper's recipe: every setting of training as published by its name, in one place, with where it is said. */
import type { ParameterSource } from '@adclick/ortgrad';

/** PyTorch's AdamW decays every parameter, norms and biases too; ours spares vectors. */
export const everyWeightDecays = (source: ParameterSource): ParameterSource => ({
  get: (name, shape, init, options) => source.get(name, shape, init, { ...options, decay: true }),
});
