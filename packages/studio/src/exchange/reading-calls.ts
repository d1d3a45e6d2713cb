/** What the thread that reads files of others is asked, and what it answers. */
import type { ProgressEvent } from '../jobs/progress.ts';
import type { ReadingLimits } from './budget.ts';
import type { Part } from './hand-over.ts';
import type { Picture } from './label-store.ts';
import type { Survey, SurveyRequest } from './survey.ts';

/** What the thread is started with. */
export interface ReadingStart {
  /** Folder, file or archive. */
  readonly path: string;
  readonly limits: ReadingLimits;
}

export interface ReadingCalls {
  survey: {
    request: { readonly pictures: readonly Picture[]; readonly how: SurveyRequest };
    answer: Survey;
    progress: ProgressEvent;
  };
  /** The next of the matched images. */
  next: { request: null; answer: Part };
}
