/** Starting worker threads from a module that serves both halves, as TypeScript source and as a bundle alike. */
import { Worker } from 'node:worker_threads';

/**
 * Starts a module as a worker; the module tells by `workerData` that it is one.
 * From TypeScript source the loader must be registered in the worker's thread first.
 * @param url the module's `import.meta.url`.
 */
export function startWorker(url: string, data: unknown): Worker {
  if (!url.endsWith('.ts')) return new Worker(new URL(url), { workerData: data, execArgv: [] });
  // The loader's own face, which knows how each version of Node.js wants to be asked.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const code = `import(${loader}).then(({ register }) => { register(); return import(${JSON.stringify(url)}); });`;
  return new Worker(code, { eval: true, workerData: data, execArgv: ['--conditions=@adclick/source'] });
}
