/**
 * onnxruntime's telemetry stays off. From 1.29 on, on Linux and macOS, its first session looks up a collector, makes a device id and a
 * database below the home folder and sends what it was used for, unless ORT_DISABLE_TELEMETRY=1 stands in the process's environment.
 *
 * Native code reads that environment with `getenv`. `process.env` is it on the main thread alone; a worker's is a copy of its own.
 */
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { fail } from './errors.ts';

const VARIABLE = 'ORT_DISABLE_TELEMETRY';
/** Under this key a thread tells the workers that it starts later that the process's environment holds the variable. */
export const KNOWN = '@adclick/ortgrad: telemetry is off';
/** How long a main thread may take to set a variable; it answers in a millisecond, also from within a long computation. */
const ANSWER_MS = 5_000;

/** The thread that telemetry is turned off from. */
export interface Thread {
  /** Whether what it sets in `env` reaches the process's environment, or that holds the variable already. */
  readonly reaches: boolean;
  /** Its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Sets the variable in the main thread's environment. */
  ask(): Promise<void>;
}

/** Sets the variable from a worker, through the inspector that every thread has; it opens no port. */
async function askMainThread(): Promise<void> {
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connectToMainThread();
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the main thread gave no answer in ${ANSWER_MS / 1000} s`)), ANSWER_MS);
      const expression = `process.env[${JSON.stringify(VARIABLE)}] = '1'`;
      session.post('Runtime.evaluate', { expression, returnByValue: true }, (error, answer) => {
        if (error) reject(error);
        else if (answer.result.value === '1') resolve();
        else reject(new Error(answer.exceptionDetails?.exception?.description ?? 'the main thread did not set it'));
      });
    });
  } finally {
    clearTimeout(timer);
    session.disconnect();
  }
}

/**
 * Sets the variable for the whole process, whatever the user has set: before onnxruntime makes its first session, from any thread.
 * @throws ADC_TELEMETRY when a worker can neither find it set nor have it set.
 */
export async function turnTelemetryOff({ reaches, env, ask }: Thread): Promise<void> {
  const before = env[VARIABLE];
  // Also in a worker: processes that it starts get its copy.
  env[VARIABLE] = '1';
  if (!reaches) {
    try {
      await ask();
    } catch (error) {
      // A user who has set it has done so for the process.
      if (before !== '1')
        throw fail('ADC_TELEMETRY', { what: error instanceof Error ? error.message : String(error) }, error);
    }
  }
  setEnvironmentData(KNOWN, true);
}

/** Settled when onnxruntime may be loaded in this process. Begins with the import, for users who load it themselves too. */
export const telemetryOff: Promise<void> = turnTelemetryOff({
  reaches: isMainThread || getEnvironmentData(KNOWN) === true,
  env: process.env,
  ask: askMainThread,
});
// Whoever starts a runtime hears of a failure; an import alone does not end the process.
telemetryOff.catch(() => undefined);
