/**
 * Wide residual networks with bottlenecks as torchvision lays them out and names them (`torchvision.models.wide_resnet50_2`), up to layer3:
 * PatchCore and the paper take descriptors from layers 1 to 3. Batch norms are folded into the convolutions.
 */
import { type Architecture, folded, type Made } from './architecture.ts';

/** Sides of one network. */
export interface WideResNetShape {
  /** Channels behind the stem (64). */
  readonly channels: number;
  /** Blocks of layers 1 to 3. */
  readonly blocks: readonly [number, number, number];
}

/** Channels of a block's end over its planes, and of its 3 × 3 convolution. */
const EXPANSION = 4;
const WIDTH = 2;
const EPSILON = 1e-5;

/** WideResNet-50-2. */
const WIDE_RESNET_50_2: WideResNetShape = { channels: 64, blocks: [3, 4, 6] };

/** One bottleneck: 1 × 1, 3 × 3, 1 × 1, and a 1 × 1 on the way around where the channels change. */
function block(name: string, inputs: number, planes: number): Made[] {
  const [width, outputs] = [planes * WIDTH, planes * EXPANSION];
  const convolution = (number: number, shape: readonly [number, number, number, number]) =>
    folded(`${name}.conv${number}`, {
      convolution: `${name}.conv${number}`,
      norm: `${name}.bn${number}`,
      shape,
      epsilon: EPSILON,
    });
  const around = folded(`${name}.downsample`, {
    convolution: `${name}.downsample.0`,
    norm: `${name}.downsample.1`,
    shape: [outputs, inputs, 1, 1],
    epsilon: EPSILON,
  });
  return [
    ...convolution(1, [width, inputs, 1, 1]),
    ...convolution(2, [width, width, 3, 3]),
    ...convolution(3, [outputs, width, 1, 1]),
    ...(inputs === outputs ? [] : around),
  ];
}

/**
 * Tensors of our file: `stem`, and `layerL.B.conv1`, `conv2`, `conv3` and (first blocks) `downsample`, each with `.weight` and `.bias`.
 */
export function wideResNet({ channels, blocks }: WideResNetShape = WIDE_RESNET_50_2): Architecture {
  const stem = { convolution: 'conv1', norm: 'bn1', shape: [channels, 3, 7, 7], epsilon: EPSILON } as const;
  const layers = blocks.flatMap((repeats, layer) => {
    const planes = channels * 2 ** layer;
    const before = layer === 0 ? channels : (planes / 2) * EXPANSION;
    return Array.from({ length: repeats }, (_, i) =>
      block(`layer${layer + 1}.${i}`, i === 0 ? before : planes * EXPANSION, planes),
    ).flat();
  });
  return {
    name: 'wide-resnet-50-2',
    what: 'WideResNet-50-2 by the names of torchvision, stem and layers 1 to 3',
    landmark: 'layer1.0.conv1.weight',
    tensors: [...folded('stem', stem), ...layers],
    leftOut: [
      { names: /^layer4\./, what: 'layer4' },
      { names: /^fc\./, what: 'fc' },
      { names: /(?:^|\.)num_batches_tracked$/, what: 'counts of batches' },
    ],
  };
}
