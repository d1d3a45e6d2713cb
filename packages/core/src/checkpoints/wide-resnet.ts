/**
 * Wide residual networks with bottlenecks as torchvision lays them out and names them (`torchvision.models.wide_resnet50_2`), up to layer3:
 * PatchCore and the paper take descriptors from layers 1 to 3. Batch norms are folded into the convolutions.
 */
import { type Bottleneck, bottlenecks, WIDE_RESNET_50_2, type WideResNetShape } from '../features/wide-resnet.ts';
import { type Architecture, folded, type Made } from './architecture.ts';

/** Added to variances under the root. */
const EPSILON = 1e-5;

/** One bottleneck: 1 × 1, 3 × 3, 1 × 1, and a 1 × 1 on the way around where the channels change. */
function block(name: string, { inputs, width, outputs }: Bottleneck): Made[] {
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
export function wideResNet(shape: WideResNetShape = WIDE_RESNET_50_2): Architecture {
  const stem = { convolution: 'conv1', norm: 'bn1', shape: [shape.channels, 3, 7, 7], epsilon: EPSILON } as const;
  const layers = ([1, 2, 3] as const).flatMap((layer) =>
    bottlenecks(shape, layer).flatMap((each, i) => block(`layer${layer}.${i}`, each)),
  );
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
