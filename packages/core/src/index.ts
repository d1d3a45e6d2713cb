/** ADClick: features, residuals, the click model, its training and evaluation. */
export {
  CodedError,
  type ErrorDetails,
  type ErrorSpec,
  type Provider,
  Runtime,
  type RuntimeOptions,
} from '@adclick/ortgrad';
export { CLICK_THRESHOLD, nextClick } from './clicks/annotator.ts';
export type { LabelledDefect } from './clicks/labelled-defect.ts';
export type { Click, ImageClick } from './clicks/types.ts';
export { detectDataset, openCategory, withDefects } from './datasets/detect.ts';
export { IMAGE_EXTENSIONS, isFile, isFolder, listImages, naturalOrder } from './datasets/files.ts';
export { openDataset } from './datasets/mvtec.ts';
export type { Dataset, DatasetLayout, DefectImage } from './datasets/types.ts';
export { CORE_ERRORS, fail } from './errors.ts';
export { clickItems, detectionItems, labelByClicks, spread } from './evaluation/category.ts';
export {
  type DetectionAnswer,
  type DetectionEvaluation,
  type DetectionFigures,
  type DetectionItem,
  type DetectionProtocol,
  evaluateDetection,
  figuresOf,
  type Verdict,
} from './evaluation/detection.ts';
export { renderDetectionReport } from './evaluation/detection-report.ts';
export { type DetectionSheet, type DetectionShot, renderDetectionSheet } from './evaluation/detection-sheet.ts';
export { detailBox, FIGURE_KEY, type MaskFigure, maskFigure } from './evaluation/figures.ts';
export {
  aupro,
  auroc,
  averagePrecision,
  imageAuroc,
  iou,
  mean,
  meanIou,
  noc,
  nof,
  pixelMetrics,
  quantile,
} from './evaluation/metrics.ts';
export { numpyShuffle } from './evaluation/numpy-shuffle.ts';
export { escapeHtml, figureCards, htmlPage, htmlTable } from './evaluation/page.ts';
export { PixelMetricAccumulator, type PixelMetrics, type PixelReport } from './evaluation/pixel-metrics.ts';
export { type ProductSheet, renderProductSheet, type SheetDefect, type SheetStep } from './evaluation/product-sheet.ts';
export {
  type Annotated,
  annotate,
  type ClickAnswer,
  type ClickEvaluation,
  type ClickImageResult,
  type ClickItem,
  type ClickProtocol,
  clickAnswer,
  evaluateClicks,
} from './evaluation/protocol.ts';
export { type ReportSubject, renderClickReport } from './evaluation/report.ts';
export { type DefectSplit, splitDefects } from './evaluation/splits.ts';
export { lineChart, type Series } from './evaluation/svg.ts';
export { BACKBONES, type Backbone, type BackboneName, DEFAULT_BACKBONE } from './features/backbones.ts';
export { FeatureExtractor } from './features/extractor.ts';
export { chooseGrid, DEFAULT_PIXELS, type GridSize } from './features/grid.ts';
export { describeIoError, writeFileAtomic } from './files.ts';
export {
  alikeNumbers,
  type DecodedImage,
  decodeImage,
  decodeMask,
  encodeJpeg,
  encodeMask,
  encodePng,
  imageSize,
  pictureNotes,
  readImage,
  readImageSize,
  readMask,
  readRgb,
  writeMask,
  writePng,
} from './image/codec.ts';
export { type Box, connectedComponents } from './image/components.ts';
export { boxOf, type Region, regionOf } from './image/crop.ts';
export { distanceTransform } from './image/distance.ts';
export { drawHeat, drawOverlay } from './image/draw.ts';
export { encodeIndexedPng } from './image/indexed-png.ts';
export { fillHoles } from './image/morphology.ts';
export { type GridPoint, gridPoint, type ImageBox, type ImagePoint, imagePoint } from './image/points.ts';
export { resizeMask, resizePlane, resizeRgb } from './image/resize.ts';
export { decodeRle, encodeRle, type Rle, rleArea, xorRle } from './image/rle.ts';
export {
  learnWindows,
  type Picture,
  type SampleType,
  type Span,
  spanOf,
  type Window,
  type Windows,
  writtenWindow,
} from './image/samples.ts';
export {
  IGNORE,
  type Mask,
  type Pixels,
  type Plane,
  type RgbImage,
} from './image/types.ts';
export { readUprightSize } from './image/upright-size.ts';
export { isDeep, ownWindow, throughWindows, toRgb, windowNote } from './image/window.ts';
export {
  DEFAULT_MAP,
  type ImageScore,
  type MapSettings,
  type SegBuilder,
  type SegInputs,
  type SegNetwork,
} from './inference/anomaly-map.ts';
export { clickModel } from './inference/click-predictor.ts';
export { type Detection, Detector, type DetectorOptions, exportDetector } from './inference/detector.ts';
export { type DetectorCard, type DetectorThresholds, readCard } from './inference/detector-card.ts';
export {
  DEFAULT_WEIGHTS,
  Labeler,
  type LabelerOptions,
  type Prediction,
  type PredictOptions,
  View,
} from './inference/labeler.ts';
export { Lanes } from './inference/lanes.ts';
export { type DetectedRegion, regionMask, regionsOf } from './inference/regions.ts';
export { IndexScorer, quantileForRate, type Scored, type ScorerOptions } from './inference/scoring.ts';
export { keptPromise, Once } from './kept-promises.ts';
export {
  generatedPromptFault,
  NORMAL_TYPE,
  objectName,
  offlinePrompts,
  PROMPTS,
  PROMPTS_ASKED,
  type PromptsOf,
  plainWords,
  promptFault,
  promptInstruction,
  SIMULATED_TYPE,
  tidyPrompt,
} from './language/prompts.ts';
export {
  DEFAULT_TEXT_ENCODER,
  type EncodedText,
  TEXT_ENCODERS,
  type TextEncoderEntry,
  type TextEncoderName,
  TextModel,
} from './language/text-encoder.ts';
export { type MaskRule, sentenceFeatures, type TextFeatures, textFeatures } from './language/text-features.ts';
export { TOKENS } from './language/tokenizer.ts';
export { modelFolders, modelPath } from './models.ts';
export { type AdclickSettings, PRESETS, type Preset } from './networks/adclick.ts';
export {
  type ClickWeights,
  type ClickWeightsCard,
  loadClickWeights,
  saveClickWeights,
} from './networks/click-weights.ts';
export { SLIDING_WINDOW, type SlidingWindow } from './networks/sliding-window.ts';
export { commonFolder, fromStored, isInside, nameKey, pathKey, toStored, withSlashes } from './paths.ts';
export { Random } from './random.ts';
export { readSamples } from './residual/index-file.ts';
export { residualNorm } from './residual/norm.ts';
export {
  type BuildOptions,
  type Described,
  type Neighbour,
  ReferenceIndex,
  type Residual,
} from './residual/reference-index.ts';
export {
  ANOMALY_KINDS,
  type AnomalyKind,
  type AnomalyOptions,
  type SimulatedAnomaly,
  simulateAnomaly,
} from './synthesis/anomalies/index.ts';
export { randomTexture, TEXTURE_FAMILIES } from './synthesis/drawing/textures.ts';
export { makeProduct, PRODUCT_KINDS, type Product, type ProductKind } from './synthesis/products/index.ts';
export {
  type DefectSample,
  findSampleProduct,
  SAMPLE_PRODUCTS,
  type SampleOptions,
  type SampleProduct,
  sampleDefects,
  sampleGoods,
  writeSampleProduct,
} from './synthesis/samples.ts';
export type { BlockSettings, FolderSource } from './training/blocks.ts';
export type { DetectorTraining, TrainedDetector } from './training/detector-training.ts';
export { type ClickTraining, type TrainingProgress, trainClickModel } from './training/train-click.ts';
export {
  DETECTOR_TRAINING,
  type DetectorTrainingSettings,
  fitDetector,
  type PreparedTraining,
  prepareTraining,
  trainDetector,
} from './training/train-detector.ts';
