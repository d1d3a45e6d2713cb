/** What a network's checkpoint has to hold, and how its tensors become those of our own file. */
import { elementCount } from '@adclick/ortgrad';

/** A tensor of a checkpoint, by the name that its makers gave it. */
export interface Expected {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A tensor of our file. */
export interface Made {
  readonly name: string;
  readonly shape: readonly number[];
  readonly from: readonly Expected[];
  /** Its numbers from those of `from`, in that order; where there is none, the only one's as they are. */
  readonly make?: (parts: readonly Float32Array[]) => Float32Array;
}

/** A network whose checkpoints can be taken in. */
export interface Architecture {
  /** Name of the model, and of its folder. */
  readonly name: string;
  /** What it is, and whose names its checkpoint has. */
  readonly what: string;
  /** A name that a checkpoint has once a network: what stands before it there stands before all of the network's names. */
  readonly landmark: string;
  readonly tensors: readonly Made[];
  /** What a checkpoint may have beside and nothing here uses. */
  readonly leftOut: readonly { readonly names: RegExp; readonly what: string }[];
  /** Names of further networks that its checkpoints may hold, which are taken in with it. */
  readonly with?: readonly string[];
  /** A name as `tensors` has it, where checkpoints have several. */
  readonly plain?: (name: string) => string;
}

/** A tensor that is taken as it is, under its own name. */
export const asItIs = (name: string, shape: readonly number[]): Made => ({ name, shape, from: [{ name, shape }] });

/** A convolution without bias and the batch norm behind it, by their names in a checkpoint. */
export interface NormedConvolution {
  readonly convolution: string;
  readonly norm: string;
  /** (outputs, inputs / groups, height, width) of the kernel. */
  readonly shape: readonly [number, number, number, number];
  /** Added to the variance under the root. */
  readonly epsilon: number;
}

/**
 * Both as one convolution with a bias, `name.weight` and `name.bias`, which gives the same with fixed statistics: with
 * s = γ / √(σ² + ε), the weights times s and β − μ s. Computed in float64.
 */
export function folded(name: string, { convolution, norm, shape, epsilon }: NormedConvolution): Made[] {
  const [outputs] = shape;
  const of = (part: string): Expected => ({ name: `${norm}.${part}`, shape: [outputs] });
  const factor = (gamma: Float32Array, variance: Float32Array, i: number) =>
    gamma[i] / Math.sqrt(variance[i] + epsilon);
  return [
    {
      name: `${name}.weight`,
      shape,
      from: [{ name: `${convolution}.weight`, shape }, of('weight'), of('running_var')],
      make: ([weights, gamma, variance]) => {
        const each = weights.length / outputs;
        return weights.map((weight, i) => weight * factor(gamma, variance, Math.floor(i / each)));
      },
    },
    {
      name: `${name}.bias`,
      shape: [outputs],
      from: [of('bias'), of('running_mean'), of('weight'), of('running_var')],
      make: ([beta, mean, gamma, variance]) => beta.map((value, i) => value - mean[i] * factor(gamma, variance, i)),
    },
  ];
}

/** Numbers in our file. */
export const numbersIn = ({ tensors }: Architecture): number =>
  tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
