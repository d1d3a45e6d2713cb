/** How a process is asked to end on each system, and how it ends when it has to at once. */
import { constants } from 'node:os';

/**
 * What asks a process to end. Windows has no signals: there Node gives Ctrl-C as SIGINT, Ctrl-Break as SIGBREAK and a closed console as
 * SIGHUP, and whoever started the process may send it the message `shutdown`, which counts as SIGTERM.
 */
export type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGBREAK';

const SIGNALS: readonly EndSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'];
/** The message of process managers on systems without signals. */
const SHUTDOWN = 'shutdown';
/** Ctrl-Break of Windows; other systems do not know the number. */
const SIGBREAK = 21;

/** Milliseconds that a process of ours has to reach a safe point; ending it later is as safe, since files are written whole. */
export const PATIENCE_MS = 5_000;

/** Exit code of a process that a signal ended, as shells count it: 130 after Ctrl-C. */
export const exitCodeOf = (signal: EndSignal): number =>
  128 + (signal === 'SIGBREAK' ? SIGBREAK : constants.signals[signal]);

/**
 * Calls `stop` each time the process is asked to end; until the answer is called, nothing else happens then.
 * @returns makes the system's own way of ending hold again.
 */
export function onEnd(stop: (signal: EndSignal) => void): () => void {
  const signals = SIGNALS.filter((signal) => signal !== 'SIGBREAK' || process.platform === 'win32');
  const told = (message: unknown) => {
    if (message === SHUTDOWN) stop('SIGTERM');
  };
  for (const signal of signals) process.on(signal, stop);
  if (process.channel) process.on('message', told);
  return () => {
    for (const signal of signals) process.off(signal, stop);
    process.off('message', told);
  };
}

/**
 * Ends this process now. `process.exit` would wait for models that run in other threads and then abort, with another exit code; the
 * system's own way of ending waits for nothing, and shells see 130 after Ctrl-C all the same.
 */
export function endAtOnce(signal: EndSignal): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal === 'SIGBREAK' ? 'SIGTERM' : signal);
}
