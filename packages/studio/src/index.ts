/** ADClick as a product: projects and what the command line does with them, for programs. */

export { openDetector, resolveDetector } from './detectors/choice.ts';
export { type PredictLine, type PredictRequest, type PredictSummary, predictPictures } from './detectors/predicting.ts';
export type { TrainingAnswer, TrainingOptions } from './detectors/training-options.ts';
export { type IndexReport, indexProject } from './engine/indexing.ts';
export { errorLine, fail, STUDIO_ERRORS, toCoded } from './errors.ts';
export { EXCHANGE_FORMATS } from './exchange/formats.ts';
export { type LabelStore, MaskFolderStore, type Picture } from './exchange/label-store.ts';
export { openSource, openZip, type Source } from './exchange/source.ts';
export { type ExportRequest, exportLabels, type ImportRequest, importLabels } from './exchange/transfer.ts';
export type { ExchangeReport, ImportReport, LabelledImage, LeftOut, TypedLayer } from './exchange/types.ts';
export type { OnProgress, ProgressEvent, WorkOptions } from './jobs/progress.ts';
export { type OpenLabels, openLabels } from './open-labels.ts';
export { detectLayout, type Layout } from './project/layout.ts';
export { type FileCheck, importWeights, listModels, type ModelEntry, verifyModels } from './project/model-files.ts';
export {
  type CategorySettings,
  openProject,
  PROJECT_FILE,
  type Project,
  type ProjectDraft,
  type ProjectSettings,
  parseProject,
  writeProject,
} from './project/project.ts';
export { VERSION } from './version.ts';
export { type EvaluationRequest, evaluateCategory } from './workbench/click-evaluation.ts';
export { trainClick } from './workbench/click-training.ts';
export { type DemoAnswer, type DemoOptions, runDemo } from './workbench/demo.ts';
export type { DemoDetector } from './workbench/demo-detector.ts';
export {
  type DetectionEvaluationRequest,
  evaluateDetector,
} from './workbench/detector-evaluation.ts';
export { type DoctorReport, examine } from './workbench/doctor.ts';
export { type LabelRequest, type LabelResult, labelPicture } from './workbench/labelling.ts';
export type { ProviderReport } from './workbench/providers.ts';
export { type DetectorCheck, type RuntimeCheck, verifyDetector } from './workbench/verifying.ts';
