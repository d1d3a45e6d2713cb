/** `@adclick/core/models`: model files, checkpoints of other programs, the backbones and sizes there are, and the cards that weights, detectors and indexes carry. */
export { type Architecture, type Expected, type Made, numbersIn } from '../checkpoints/architecture.ts';
export { ARCHITECTURES } from '../checkpoints/architectures.ts';
export { type Fit, fitOf, holds, type ImportOptions, writeImported } from '../checkpoints/import-checkpoint.ts';
export { Checkpoint, type CheckpointFormat, type CheckpointTensor } from '../checkpoints/open-checkpoint.ts';
export type { StoredType } from '../checkpoints/stored-tensor.ts';
export { BACKBONES, type Backbone, type BackboneName, DEFAULT_BACKBONE } from '../features/backbones.ts';
export { clickModel } from '../inference/click-graphs.ts';
export { readCard } from '../inference/detector-card.ts';
export { modelFolders, modelPath } from '../models.ts';
export { type AdclickSettings, PRESETS } from '../networks/adclick.ts';
export {
  type ClickWeights,
  checkBackbone,
  loadClickWeights,
  loadOwnWeights,
  type OwnClickWeights,
  PAPER,
  PRESET_NAMES,
  type Preset,
  type PublishedClickWeights,
  saveClickWeights,
} from '../networks/click-weights.ts';
export { PUBLISHED_WIDTH, type PublishedSettings, publishedSizes } from '../networks/published-adclick.ts';
export { readSamples } from '../residual/index-file.ts';
