/**
 * ADClick for programs: an index of good pictures, masks from clicks, detectors, and reading pictures. What goes further has an entry of
 * its own: `@adclick/core/image`, `/geometry`, `/evaluation`, `/datasets`, `/training`, `/models`, `/language`, `/synthesis`, `/files`, `/errors`.
 */
export { CodedError, type ErrorDetails, type Provider, Runtime, type RuntimeOptions } from '@adclick/ortgrad';
export type { Click } from './clicks/types.ts';
export { readImage, readMask, readRgb, writeMask, writePng } from './image/codec.ts';
export type { Box } from './image/components.ts';
export type { Picture, SampleType, Window, Windows } from './image/samples.ts';
export { IGNORE, type Mask, type Pixels, type Plane, type RgbImage } from './image/types.ts';
export type { ImageScore } from './inference/anomaly-map.ts';
export { type Detection, Detector, type DetectorOptions, exportDetector } from './inference/detector.ts';
export type {
  DetectorCard,
  DetectorThresholds,
  HeldOut,
  HeldOutDefect,
  HeldOutGood,
} from './inference/detector-card.ts';
export { type Drift, DriftWatch, driftOf, type Known, type Seen } from './inference/drift.ts';
export type { HeldOutNetwork, JudgedNetwork } from './inference/held-out.ts';
export {
  DEFAULT_WEIGHTS,
  Labeler,
  type LabelerOptions,
  type Prediction,
  type PredictOptions,
  View,
} from './inference/labeler.ts';
export { Lanes } from './inference/lanes.ts';
export type { DetectedRegion } from './inference/regions.ts';
export type { PromptsOf } from './language/prompts.ts';
export type { ClickWeightsCard } from './networks/click-weights.ts';
export {
  type BuildOptions,
  type Described,
  type Neighbour,
  ReferenceIndex,
  type Residual,
} from './residual/reference-index.ts';
