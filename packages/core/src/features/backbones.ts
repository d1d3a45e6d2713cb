/** The table of frozen networks that descriptors can come from; one entry each. */
import type { FrozenParameters, Value } from '@adclick/ortgrad';
import { efficientnetLite0 } from './efficientnet-lite.ts';

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

/** A frozen network. */
export interface Backbone {
  readonly name: string;
  /** Weights, relative to a models folder. */
  readonly file: string;
  readonly licence: string;
  /** What enters the network is (value - mean) * scale, with values 0-255. */
  readonly scaling: { readonly mean: number; readonly scale: number };
  /** Fine to coarse; the first has stride 4 and serves the global similarity. */
  readonly taps: readonly Tap[];
  /** Whether each tap's part of a token is divided by its length. */
  readonly normalised: boolean;
  /** All of its layers; their taps are those above, in their order. */
  readonly parts: readonly BackbonePart[];
}

/** Backbones by name. Lite0 with L2-normalised taps won the comparison of unsupervised residuals that the project began with. */
export const BACKBONES = {
  'efficientnet-lite0': {
    name: 'efficientnet-lite0',
    file: 'efficientnet-lite0/model.safetensors',
    licence: 'Apache-2.0',
    scaling: { mean: 127, scale: 1 / 128 },
    taps: [
      { name: 'stages.1', stride: 4, channels: 24 },
      { name: 'stages.2', stride: 8, channels: 40 },
      { name: 'stages.4', stride: 16, channels: 112 },
    ],
    normalised: true,
    parts: [
      // A cell of stride 4 sees 6 pixels above and 9 below its own.
      { build: (weights, x) => efficientnetLite0(weights, x, 1).slice(1), reach: 2 },
      // One of stride 8 sees 20 pixels above and 24 below its own, in cells of stride 4.
      { build: (weights, x) => efficientnetLite0(weights, x, 2, 2), reach: 3 },
      // One of stride 16 sees 16 tokens above and 17 below its own.
      { build: (weights, x) => efficientnetLite0(weights, x, 4, 3).slice(1), reach: 18 },
    ],
  },
} as const satisfies Record<string, Backbone>;

/** Name of a backbone of the table. */
export type BackboneName = keyof typeof BACKBONES;

/** The backbone that is used when none is named. */
export const DEFAULT_BACKBONE: BackboneName = 'efficientnet-lite0';

/** Channels of a token that are compared: those of all taps. */
export const matchedDims = (backbone: Backbone): number => backbone.taps.reduce((sum, tap) => sum + tap.channels, 0);

/** Channels of a token: the compared ones, then the fine ones, the stride-4 tap's four cells in it. */
export const tokenDims = (backbone: Backbone): number => matchedDims(backbone) + 4 * (backbone.taps[0]?.channels ?? 0);
