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
  /** Builds the network on a scaled picture (1, 3, H, W); returns one map (1, C, H/stride, W/stride) a tap. */
  readonly build: (weights: FrozenParameters, x: Value) => Value[];
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
    build: (weights, x) => {
      const stages = efficientnetLite0(weights, x, 4);
      return [stages[1], stages[2], stages[4]] as Value[];
    },
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
