/** ADClick as a product: projects and what the command line does with them, for programs. */
export { errorLine, fail, STUDIO_ERRORS, toCoded } from './errors.ts';
export { EXCHANGE_FORMATS } from './exchange/formats.ts';
export { type LabelStore, MaskFolderStore, type Picture } from './exchange/label-store.ts';
export { openSource, openZip, type Source } from './exchange/source.ts';
export type { ExchangeReport, ImportReport, LabelledImage, LeftOut, TypedLayer } from './exchange/types.ts';
export type { OnProgress, ProgressEvent, WorkOptions } from './progress.ts';
export {
  type CategorySettings,
  openProject,
  PROJECT_FILE,
  type Project,
  type ProjectDraft,
  type ProjectSettings,
  parseProject,
  writeProject,
} from './project.ts';
export { type DemoAnswer, type DemoOptions, runDemo } from './services/demo.ts';
export type { DemoDetector } from './services/demo-detector.ts';
export {
  type DetectionEvaluationRequest,
  evaluateDetector,
} from './services/detection-evaluation.ts';
export { openDetector, resolveDetector } from './services/detectors.ts';
export { type DoctorReport, examine } from './services/doctor.ts';
export { type EvaluationRequest, evaluateCategory } from './services/evaluation.ts';
export { type ExportRequest, exportLabels, type ImportRequest, importLabels } from './services/exchange.ts';
export { type IndexReport, indexProject } from './services/indexing.ts';
export { type OpenLabels, openLabels } from './services/label-stores.ts';
export { type LabelRequest, type LabelResult, labelPicture } from './services/labelling.ts';
export { detectLayout, type Layout } from './services/layout.ts';
export { type FileCheck, importWeights, listModels, type ModelEntry, verifyModels } from './services/models.ts';
export { type PredictLine, type PredictRequest, type PredictSummary, predictPictures } from './services/predicting.ts';
export type { ProviderReport } from './services/providers.ts';
export { trainClick } from './services/training.ts';
export type { TrainingAnswer, TrainingOptions } from './services/training-options.ts';
export { type DetectorCheck, type RuntimeCheck, verifyDetector } from './services/verifying.ts';
export { VERSION } from './version.ts';
