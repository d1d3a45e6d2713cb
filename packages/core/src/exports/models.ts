/** `@adclick/core/models`: model files, the backbones and sizes there are, and the cards that weights, detectors and indexes carry. */
export { BACKBONES, type Backbone, type BackboneName, DEFAULT_BACKBONE } from '../features/backbones.ts';
export { clickModel } from '../inference/click-predictor.ts';
export { readCard } from '../inference/detector-card.ts';
export { modelFolders, modelPath } from '../models.ts';
export { type AdclickSettings, PRESETS, type Preset } from '../networks/adclick.ts';
export { type ClickWeights, loadClickWeights, saveClickWeights } from '../networks/click-weights.ts';
export { readSamples } from '../residual/index-file.ts';
