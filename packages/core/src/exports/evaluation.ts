/** `@adclick/core/evaluation`: the simulated annotator, both evaluations with their metrics, and reports as one HTML file. */
export { CLICK_THRESHOLD, nextClick } from '../clicks/annotator.ts';
export type { ImageClick } from '../clicks/types.ts';
export { mvtecName } from '../datasets/published.ts';
export { clickItems, detectionItems, labelByClicks } from '../evaluation/category.ts';
export {
  type DetectionAnswer,
  type DetectionEvaluation,
  type DetectionFigures,
  type DetectionImageResult,
  type DetectionItem,
  type DetectionProtocol,
  evaluateDetection,
  figuresOf,
  type MapAnswer,
  type MapFigures,
  type MapImageResult,
  mapFigures,
  type TypeFigures,
  type Verdict,
} from '../evaluation/detection.ts';
export {
  detectorMaps,
  foldersMaps,
  type ReportedMaps,
  renderDetectionReport,
} from '../evaluation/detection-report.ts';
export { type DetectionSheet, type DetectionShot, renderDetectionSheet } from '../evaluation/detection-sheet.ts';
export { MapFolder, MapWriter, type NamedPicture } from '../evaluation/map-folder.ts';
export {
  aupro,
  auroc,
  averagePrecision,
  iou,
  mean,
  meanIou,
  noc,
  nof,
  pixelMetrics,
  quantile,
} from '../evaluation/metrics.ts';
export { figureCards, htmlPage } from '../evaluation/page.ts';
export { PixelMetricAccumulator, type PixelMetrics, type PixelReport } from '../evaluation/pixel-metrics.ts';
export {
  type ProductSheet,
  renderProductSheet,
  type SheetDefect,
  type SheetStep,
} from '../evaluation/product-sheet.ts';
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
} from '../evaluation/protocol.ts';
export {
  CLICK_COUNTS,
  MVTEC_COUNTS,
  PUBLISHED,
  type PublishedRow,
  type PublishedTable,
  type PublishedValue,
  TABLES,
  type TableName,
} from '../evaluation/published.ts';
export { type ReportSubject, renderClickReport } from '../evaluation/report.ts';
export {
  type Departure,
  type MeasuredRow,
  type Reproduction,
  reproductionMarkdown,
  reproductionPage,
} from '../evaluation/reproduction.ts';
export {
  type Decided,
  type Decisions,
  decisionsOf,
  type Interval,
  imageAuroc,
  type KindDecisions,
  shareInterval,
} from '../inference/decisions.ts';
export { SIMPLE_CLICK } from '../networks/simple-click.ts';
export { type ClickMethod, type ClickPicture, labelerMethod, type OpenPicture } from '../rivals/click-method.ts';
export { PatchCore, type PatchCoreSettings } from '../rivals/patchcore.ts';
export { SamMethod } from '../rivals/sam.ts';
export { SimpleClickMethod, type SimpleClickOptions, simpleClickPath } from '../rivals/simple-click.ts';
export { spread } from '../spread.ts';
