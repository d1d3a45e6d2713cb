/**
 * Training and adapting a detector in a process of its own, beside a server that people label with.
 *
 * A process and not a thread: only a process can be given a lower priority than the clicks, its memory goes when it ends, and what
 * native code does to it leaves the labels alone. It keeps all threads at the lowest priority: while nobody clicks it uses the whole
 * machine, and while somebody does the system gives the cores to the click.
 */
import { Remote, startProcess } from '@adclick/ortgrad';
import { entryUrl } from '../engine/entries.ts';
import { fail } from '../errors.ts';
import type { ProgressEvent, WorkOptions } from '../jobs/progress.ts';
import { LOG_VARIABLE } from '../log.ts';
import { PATIENCE_MS } from '../process-end.ts';
import type { AdaptAnswer, AdaptRequest, SegTrainingAnswer, SegTrainingOptions } from './training-options.ts';

/** What the process is asked. */
export interface TrainingCalls {
  train: {
    request: { readonly directory: string; readonly options: SegTrainingOptions };
    answer: SegTrainingAnswer;
    progress: ProgressEvent;
  };
  adapt: { request: AdaptRequest; answer: AdaptAnswer; progress: ProgressEvent };
}

/** What changes the detectors of a project; {@link DETECTOR_WORK} outside of tests. */
export interface DetectorWork {
  /** Trains the detector of a category. */
  train(directory: string, options: SegTrainingOptions, work: Required<WorkOptions>): Promise<SegTrainingAnswer>;
  /** Lets the detector of a category follow pictures that are taken as good. */
  adapt(request: AdaptRequest, work: Required<WorkOptions>): Promise<AdaptAnswer>;
}

/** @throws what the work throws, ADC_RUNTIME when the process died, the signal's reason. */
async function apart<Name extends keyof TrainingCalls>(
  name: Name,
  request: TrainingCalls[Name]['request'],
  { signal, onProgress }: Required<WorkOptions>,
): Promise<TrainingCalls[Name]['answer']> {
  signal.throwIfAborted();
  const lost = (what: string) => fail('ADC_RUNTIME', { provider: 'the training process', what });
  // What it writes is heard of when it dies, and then has to be why.
  const env = { ...process.env, [LOG_VARIABLE]: 'silent' };
  const remote = new Remote<TrainingCalls>(startProcess(entryUrl('training-process'), { env }), lost);
  const close = () => remote.close({ patience: PATIENCE_MS });
  signal.addEventListener('abort', close, { once: true });
  try {
    return await remote.call(name, request, { onProgress, signal });
  } finally {
    signal.removeEventListener('abort', close);
    await close();
  }
}

export const DETECTOR_WORK: DetectorWork = {
  train: (directory, options, work) => apart('train', { directory, options }, work),
  adapt: (request, work) => apart('adapt', request, work),
};
