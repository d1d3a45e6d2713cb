/** onnxruntime's telemetry is off for the whole process, whichever thread imports us. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { SHARE_ENV, setEnvironmentData, Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { KNOWN, telemetryOff, turnTelemetryOff } from './telemetry.ts';

const NAME = 'ORT_DISABLE_TELEMETRY';
const url = JSON.stringify(new URL('./telemetry.ts', import.meta.url).href);
/** Code of a worker that imports this module alone and says how it went. */
const IMPORTS = `require('node:module').register('tsx/esm', { parentURL: ${url}, data: true });
import(${url}).then(({ telemetryOff }) => telemetryOff).then(
  () => require('node:worker_threads').parentPort.postMessage('off'),
  (error) => require('node:worker_threads').parentPort.postMessage(String(error)),
);`;
const NESTED = `const { parentPort, Worker } = require('node:worker_threads');
new Worker(${JSON.stringify(IMPORTS)}, { eval: true }).on('message', (said) => parentPort.postMessage(said));`;

/** Starts a worker as a program would that has not imported us; what the process's environment holds once it has. */
async function importedIn(code: string, env?: Record<string, string> | typeof SHARE_ENV): Promise<unknown> {
  delete process.env[NAME];
  setEnvironmentData(KNOWN, undefined);
  const worker = new Worker(code, { eval: true, ...(env && { env: env as NodeJS.ProcessEnv }) });
  const [said] = await once(worker, 'message');
  await worker.terminate();
  return said === 'off' ? process.env[NAME] : said;
}

test('the import sets it', async () => {
  await telemetryOff;
  expect(process.env[NAME]).toBe('1');
});

describe('a worker thread that alone imports us sets it for the process', () => {
  test.each([
    ['with a copy of the environment', IMPORTS, undefined],
    ['with an environment of its own', IMPORTS, {}],
    ['with telemetry switched on for it', IMPORTS, { [NAME]: '0' }],
    ['with the environment shared', IMPORTS, SHARE_ENV],
    ['started by another worker', NESTED, undefined],
  ] as const)('%s', async (_, code, env) => {
    expect(await importedIn(code, env)).toBe('1');
  });

  test('while the main thread computes', async () => {
    delete process.env[NAME];
    setEnvironmentData(KNOWN, undefined);
    const worker = new Worker(IMPORTS, { eval: true });
    const until = Date.now() + 10_000;
    while (process.env[NAME] === undefined && Date.now() < until);
    expect(process.env[NAME]).toBe('1');
    await worker.terminate();
  });
});

describe('turnTelemetryOff', () => {
  const never = () => Promise.reject(new Error('no inspector'));

  test.each([undefined, '0', '', 'false', '1'])('overrides %s', async (before) => {
    const env: NodeJS.ProcessEnv = { [NAME]: before };
    await turnTelemetryOff({ reaches: true, env, ask: never });
    expect(env).toEqual({ [NAME]: '1' });
  });

  test('refuses where nothing can set it', async () => {
    const refused = turnTelemetryOff({ reaches: false, env: { [NAME]: '0' }, ask: never });
    await expect(refused).rejects.toMatchObject({ code: 'ADC_TELEMETRY', message: /worker thread: no inspector$/ });
    await turnTelemetryOff({ reaches: false, env: { [NAME]: '1' }, ask: never });
  });
});

test('processes started afterwards inherit it', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['-p', `process.env.${NAME}`], {
    env: { ...process.env },
  });
  expect(stdout.trim()).toBe('1');
});
