/** What training a detector's network takes and gives; evaluation and the command line know it by these types only. */
import type { Runtime } from '@adclick/ortgrad';
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import type { JudgedNetwork } from '../inference/held-out.ts';
import type { PromptsOf } from '../language/prompts.ts';
import type { ReferenceIndex } from '../residual/reference-index.ts';

/** What a network is trained on. */
export interface DetectorTraining {
  /** Good pictures, whose residuals and pixels the index gives. */
  readonly index: ReferenceIndex;
  readonly runtime: Runtime;
  /** May be empty: simulated defects alone then. */
  readonly labels: readonly LabelledDefect[];
  /** Phrases that describe a defect type, of which the mean guides the network (Eq. 6); without them language has no part. */
  readonly prompts?: PromptsOf;
  /** Good pictures that the detector will hold, whose residuals training sees too; default that of detectors. */
  readonly normals?: number;
  readonly seed: number;
  readonly steps?: number;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number; readonly detail?: string }) => void;
  readonly signal?: AbortSignal;
}

/** What training came to. */
export interface TrainedDetector {
  /** Absent when the network was no better than the residual alone on labels and good pictures that it had not seen. */
  readonly network?: JudgedNetwork & { readonly record: Readonly<Record<string, unknown>> };
  /** What the user should know, such as that the network was left aside and by how much. */
  readonly notes: readonly string[];
}
