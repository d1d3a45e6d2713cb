/** The table of frozen networks that descriptors can come from; one entry each. */
import type { FrozenParameters, Value } from '@adclick/ortgrad';
import { efficientnetLite0 } from './efficientnet-lite.ts';
import { WIDE_RESNET_50_2, type WideResNetShape, wideResNetLayer, wideResNetStem } from './wide-resnet.ts';

/** One intermediate result that descriptors are made of. */
export interface Tap {
  readonly name: string;
  /** Input pixels a cell, along each axis; a power of two. */
  readonly stride: number;
  readonly channels: number;
}

/** Layers of a frozen network that follow each other. */
export interface BackbonePart {
  /**
   * Builds them on the scaled picture (1, 3, H, W), or on the last map of the part before; returns the maps of its taps, each
   * (1, C, H/stride, W/stride).
   */
  readonly build: (weights: FrozenParameters, x: Value) => Value[];
  /** Tokens above and below a token that its maps depend on, beyond those of the part before; a multiple of its steps in tokens. */
  readonly reach: number;
}

/**
 * How taps become tokens. `beside`: side by side, each divided by its length, and behind them the fine part, the stride-4 tap's four cells in a
 * token, which a match ignores (ours). `pooled`: PatchCore's means over neighbourhoods and channels, `dims` of them, not divided by their
 * length; every tap's channels divide `dims`.
 */
export type DescriptorKind = { readonly kind: 'beside' } | { readonly kind: 'pooled'; readonly dims: number };

/** A frozen network. */
export interface Backbone {
  readonly name: string;
  /** Weights, relative to a models folder. */
  readonly file: string;
  readonly licence: string;
  /** Whether its weights come with the project; others are taken in by `adclick models import`. */
  readonly ships: boolean;
  /** What enters the network is (value - mean) * scale, with values 0-255; one of each for all colours, or for red, green and blue. */
  readonly scaling: { readonly mean: number | readonly number[]; readonly scale: number | readonly number[] };
  /** Fine to coarse; the first has stride 4 and serves the global similarity. */
  readonly taps: readonly Tap[];
  readonly descriptor: DescriptorKind;
  /** All of its layers; their taps are those above, in their order. */
  readonly parts: readonly BackbonePart[];
}

/** Mean and standard deviation of ImageNet's colours, values 0-1. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/** WideResNet with PatchCore's descriptors, as the paper has it (Eq. 2). @param dims D. */
export function wideResNetBackbone(shape: WideResNetShape = WIDE_RESNET_50_2, dims = 1024): Backbone {
  const { channels, blocks } = shape;
  return {
    name: 'wide-resnet-50-2',
    file: 'wide-resnet-50-2/model.safetensors',
    licence: 'that of the checkpoint',
    ships: false,
    scaling: {
      mean: IMAGENET.mean.map((mean) => 255 * mean),
      scale: IMAGENET.deviation.map((deviation) => 1 / (255 * deviation)),
    },
    taps: [
      { name: 'layer1', stride: 4, channels: 4 * channels },
      { name: 'layer2', stride: 8, channels: 8 * channels },
      { name: 'layer3', stride: 16, channels: 16 * channels },
    ],
    descriptor: { kind: 'pooled', dims },
    parts: [
      {
        build: (weights, x) => [wideResNetLayer(weights, wideResNetStem(weights, x, shape), 1, shape)],
        // The stem sees 5 pixels around a cell's first one, each block one cell of stride 4 more.
        reach: Math.ceil((4 * blocks[0] + 5) / 8),
      },
      // The first block sees one cell of stride 4 above the cell, each other block one of stride 8.
      { build: (weights, x) => [wideResNetLayer(weights, x, 2, shape)], reach: blocks[1] },
      // The same at twice the stride.
      { build: (weights, x) => [wideResNetLayer(weights, x, 3, shape)], reach: 2 * blocks[2] },
    ],
  };
}

/** Backbones by name. Lite0 with L2-normalised taps won the comparison of unsupervised residuals that the project began with. */
export const BACKBONES = {
  'efficientnet-lite0': {
    name: 'efficientnet-lite0',
    file: 'efficientnet-lite0/model.safetensors',
    licence: 'Apache-2.0',
    ships: true,
    scaling: { mean: 127, scale: 1 / 128 },
    taps: [
      { name: 'stages.1', stride: 4, channels: 24 },
      { name: 'stages.2', stride: 8, channels: 40 },
      { name: 'stages.4', stride: 16, channels: 112 },
    ],
    descriptor: { kind: 'beside' },
    parts: [
      // A cell of stride 4 sees 6 pixels above and 9 below its own.
      { build: (weights, x) => efficientnetLite0(weights, x, 1).slice(1), reach: 2 },
      // One of stride 8 sees 20 pixels above and 24 below its own, in cells of stride 4.
      { build: (weights, x) => efficientnetLite0(weights, x, 2, 2), reach: 3 },
      // One of stride 16 sees 16 tokens above and 17 below its own.
      { build: (weights, x) => efficientnetLite0(weights, x, 4, 3).slice(1), reach: 18 },
    ],
  },
  'wide-resnet-50-2': wideResNetBackbone(),
} as const satisfies Record<string, Backbone>;

/** Name of a backbone of the table. */
export type BackboneName = keyof typeof BACKBONES;

/** The backbone that is used when none is named. */
export const DEFAULT_BACKBONE: BackboneName = 'efficientnet-lite0';

/** Channels of a token that are compared: those of all taps, or what they are pooled to. */
export const matchedDims = ({ descriptor, taps }: Backbone): number =>
  descriptor.kind === 'pooled' ? descriptor.dims : taps.reduce((sum, tap) => sum + tap.channels, 0);

/** Channels of a token: the compared ones, then the fine ones where it has some. */
export const tokenDims = (backbone: Backbone): number =>
  matchedDims(backbone) + (backbone.descriptor.kind === 'beside' ? 4 * (backbone.taps[0]?.channels ?? 0) : 0);
