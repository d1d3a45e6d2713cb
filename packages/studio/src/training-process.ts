/** Started as a process of its own by the server: trains one detector, tells how far it is, and ends. */
import { constants, setPriority } from 'node:os';
import type { FromTraining, ToTraining } from './detectors/training-apart.ts';
import { localUser } from './local-user.ts';
import { endAtOnce, onEnd, PATIENCE_MS } from './process-end.ts';

// Before the models are loaded: their threads take over the priority of the one that starts them.
setPriority(constants.priority.PRIORITY_LOW);

const controller = new AbortController();
/** Stops at the next safe point; native code in another thread cannot be left in any other way. */
const stop = () => {
  controller.abort(new Error('cancelled'));
  setTimeout(() => endAtOnce('SIGTERM'), PATIENCE_MS).unref();
};
// Whoever wanted the detector is gone.
process.once('disconnect', stop);
// A terminal sends Ctrl-C to the server and to this process alike; the server then says what is to be done.
onEnd((signal) => {
  if (signal === 'SIGTERM') stop();
});

const send = (message: FromTraining): Promise<void> =>
  new Promise((resolve) => {
    if (process.send && process.connected) process.send(message, () => resolve());
    else resolve();
  });

async function train({ directory, options }: Exclude<ToTraining, { cancel: true }>): Promise<void> {
  const { toWire } = await import('./engine/wire-error.ts');
  try {
    const { openLabels } = await import('./open-labels.ts');
    const { trainSegmentation } = await import('./detectors/training.ts');
    const work = {
      signal: controller.signal,
      onProgress: (progress: Extract<FromTraining, { progress: unknown }>['progress']) => void send({ progress }),
    };
    const open = (root: string) => openLabels(root, localUser(), 'training');
    await send({ answer: await trainSegmentation(directory, open, options, work) });
  } catch (error) {
    await send({ error: toWire(error) });
  }
  // Ends the process once no thread works any more.
  if (process.connected) process.disconnect();
}

process.on('message', (message: ToTraining) => {
  if ('cancel' in message) controller.abort(new Error('cancelled'));
  else void train(message);
});
