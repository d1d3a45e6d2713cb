/** Memory that is known not to be needed any more. */
import { MessageChannel } from 'node:worker_threads';
import type { TensorData } from './tensor.ts';

/** A port that is closed: whatever is sent through it is given up. */
const nowhere = (() => {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
})();

/** Gives an array's memory back now, not at some garbage collection, of which there are many where maps of megabytes come and go. It is empty afterwards. */
export function giveBack({ buffer }: TensorData): void {
  nowhere.postMessage(null, [buffer as ArrayBuffer]);
}
