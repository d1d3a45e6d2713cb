/** `@adclick/core/training`: training of the click model on folders of good pictures, and of a detector's network on labels. */
export type { LabelledDefect } from '../clicks/labelled-defect.ts';
export { SLIDING_WINDOW, type SlidingWindow } from '../networks/sliding-window.ts';
export { ablatedDetector, ablatedSeg, FINE_TUNING, type SegSwitches } from '../training/ablations.ts';
export type { BlockSettings, FolderSource } from '../training/blocks.ts';
export type { DetectorTraining, TrainedDetector } from '../training/detector-training.ts';
export type { TrainingProgress } from '../training/progress-log.ts';
export {
  type Mix,
  ONE_PHRASE_CHANCE,
  PUBLISHED_CLICKS,
  PUBLISHED_DROPS,
  PUBLISHED_MIXES,
  PUBLISHED_OPTIMISER,
  PUBLISHED_SEG,
  type PublishedClickRecipe,
  type PublishedSegRecipe,
} from '../training/published.ts';
export { type ClickTraining, trainClickModel } from '../training/train-click.ts';
export { DETECTOR_TRAINING, type DetectorTrainingSettings, trainDetector } from '../training/train-detector.ts';
export { type PublishedClickTraining, trainPublishedClickModel } from '../training/train-published-click.ts';
export { type PublishedDetectorTraining, trainPublishedDetector } from '../training/train-published-seg.ts';
