/** Starting worker threads from a module that serves both halves, as TypeScript source and as a bundle alike. */
import { Worker } from 'node:worker_threads';

/**
 * Starts a module as a worker; the module tells by `workerData` that it is one.
 * From TypeScript source the loader must be registered in the worker's thread first.
 * @param url the module's `import.meta.url`.
 */
export function startWorker(url: string, data: unknown): Worker {
  if (!url.endsWith('.ts')) return new Worker(new URL(url), { workerData: data, execArgv: [] });
  const quoted = JSON.stringify(url);
  const code = `require('node:module').register('tsx/esm', { parentURL: ${quoted}, data: true }); import(${quoted});`;
  return new Worker(code, { eval: true, workerData: data, execArgv: ['--conditions=@adclick/source'] });
}
