/**
 * Training a detector in a process of its own, beside a server that people label with.
 *
 * A process and not a thread: only a process can be given a lower priority than the clicks, its memory goes when it ends, and what
 * native code does to it leaves the labels alone. It keeps all threads at the lowest priority: while nobody clicks it uses the whole
 * machine, and while somebody does the system gives the cores to the click.
 */
import { fork } from 'node:child_process';
import { fromWire, type WireError } from '../engine/wire-error.ts';
import { fail } from '../errors.ts';
import type { ProgressEvent, WorkOptions } from '../jobs/progress.ts';
import { PATIENCE_MS } from '../process-end.ts';
import type { SegTrainingAnswer, SegTrainingOptions } from './training-options.ts';

/** What the process is told: first what to train, then perhaps to stop. */
export type ToTraining =
  | { readonly directory: string; readonly options: SegTrainingOptions }
  | { readonly cancel: true };

/** What it tells. */
export type FromTraining =
  | { readonly progress: ProgressEvent }
  | { readonly answer: SegTrainingAnswer }
  | { readonly error: WireError };

/** Trains the detector of a category; {@link trainApart} outside of tests. */
export type TrainWork = (
  directory: string,
  options: SegTrainingOptions,
  work: Required<WorkOptions>,
) => Promise<SegTrainingAnswer>;

/** Characters of what the process wrote to stderr that a failure shows. */
const LAST_WORDS = 300;

/** @throws what training throws, ADC_RUNTIME when the process died, the signal's reason. */
export const trainApart: TrainWork = async (directory, options, { signal, onProgress }) => {
  signal.throwIfAborted();
  const file = import.meta.url.endsWith('.ts') ? '../training-process.ts' : './training-process.js';
  const child = fork(new URL(file, import.meta.url), [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let ended: FromTraining | undefined;
  let words = '';
  let timer: NodeJS.Timeout | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-LAST_WORDS);
  });
  const tell = (message: ToTraining) => {
    if (child.connected) child.send(message);
  };
  const cancel = () => {
    tell({ cancel: true });
    timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const code = await new Promise<number | string | null>((resolve) => {
      child.on('message', (message: FromTraining) => {
        if ('progress' in message) onProgress(message.progress);
        else ended = message;
      });
      child.on('error', (error) => resolve(error.message));
      child.on('close', (code, signal) => resolve(signal ?? code));
      tell({ directory, options });
    });
    if (ended && 'answer' in ended) return ended.answer;
    signal.throwIfAborted();
    if (ended && 'error' in ended) throw fromWire(ended.error);
    const what = `it ended with ${code}${words.trim() ? `: ${words.trim()}` : ''}`;
    throw fail('ADC_RUNTIME', { provider: 'the training process', what });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
  }
};
