/** Started as a process of its own by the server: trains or adapts one detector, tells how far it is, and ends. */
import { constants, setPriority } from 'node:os';
import { parentWire, serveCalls } from '@adclick/ortgrad';
import type { TrainingCalls } from './detectors/training-apart.ts';
import { localUser } from './local-user.ts';
import { endAtOnce, onEnd, PATIENCE_MS } from './process-end.ts';

// Before the models are loaded: their threads take over the priority of the one that starts them.
setPriority(constants.priority.PRIORITY_LOW);

const ending = new AbortController();
/** Stops at the next safe point; native code in another thread cannot be left in any other way. */
const stop = () => {
  ending.abort(new Error('cancelled'));
  setTimeout(() => endAtOnce('SIGTERM'), PATIENCE_MS).unref();
};
// A terminal sends Ctrl-C to the server and to this process alike; the server then says what is to be done.
onEnd((signal) => {
  if (signal === 'SIGTERM') stop();
});

const wanted = (signal: AbortSignal) => AbortSignal.any([signal, ending.signal]);

serveCalls<TrainingCalls>(
  parentWire(),
  {
    train: async ({ directory, options }, { signal, progress }) => {
      const { openLabels } = await import('./open-labels.ts');
      const { trainSegmentation } = await import('./detectors/training.ts');
      const open = (root: string) => openLabels(root, localUser(), 'training');
      return trainSegmentation(directory, open, options, { signal: wanted(signal), onProgress: progress });
    },
    adapt: async (request, { signal, progress }) => {
      const { adaptDetector } = await import('./detectors/adapting.ts');
      return adaptDetector(request, { signal: wanted(signal), onProgress: progress });
    },
  },
  // Asked to, or since whoever wanted the detector is gone.
  { onClose: stop },
);
