/** The worker: results, tensors that stay, errors, and its end. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Graph } from './graph.ts';
import { add, scale } from './ops/elementwise.ts';
import { Runtime } from './session.ts';
import { tensor } from './tensor.ts';

/** double = 2·x, sum = x + 1-vector w */
function model(): Uint8Array {
  const graph = new Graph();
  const x = graph.input('x', [3]);
  graph.output('double', scale(x, 2));
  graph.output('sum', add(x, graph.input('w', [3])));
  return graph.toModel();
}

const x = () => tensor(Float32Array.of(1, 2, 3), [3]);
const w = () => tensor(Float32Array.of(10, 20, 30), [3]);

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start({ threads: 1 });
});
afterAll(() => runtime.close());

test('a run gives all outputs, or those asked for', async () => {
  const session = await runtime.load(model());
  expect(session.inputs).toEqual(['x', 'w']);
  expect(session.outputs).toEqual(['double', 'sum']);
  const all = await session.run({ x: x(), w: w() });
  expect([...all.double.data, ...all.sum.data]).toEqual([2, 4, 6, 11, 22, 33]);
  expect(Object.keys(await session.run({ x: x(), w: w() }, { fetch: ['sum'] }))).toEqual(['sum']);
});

test('feeds are copied unless they are transferred, and only what a view sees is sent', async () => {
  const session = await runtime.load(model());
  const kept = x();
  const view = tensor(Float32Array.of(9, 1, 2, 3, 9).subarray(1, 4), [3]);
  expect([...(await session.run({ x: view, w: kept })).sum.data]).toEqual([2, 4, 6]);
  expect(kept.data.length).toBe(3);
  await session.run({ x: kept, w: w() }, { transfer: true });
  expect(kept.data.length).toBe(0);
});

test('a model stays with the caller, also as a Buffer, whose slices are views', async () => {
  const bytes = Buffer.from(new Uint8Array(model()));
  const session = await runtime.load(bytes);
  expect(bytes.length).toBe(model().length);
  expect(bytes.equals(model())).toBe(true);
  await session.release();
});

test('kept outputs stay in the worker, can be fed and read, and are gone after release', async () => {
  const session = await runtime.load(model());
  const held = await runtime.hold(w());
  const { double } = await session.run({ x: x(), w: held }, { keep: ['double'] });
  const { sum } = await session.run({ x: double, w: held });
  expect([...sum.data]).toEqual([12, 24, 36]);
  expect([...(await double.read()).data]).toEqual([2, 4, 6]);
  expect([...(await held.read()).data]).toEqual([10, 20, 30]);
  await double.release();
  await expect(double.read()).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
});

test('outputs can replace what a held tensor holds', async () => {
  const session = await runtime.load(model());
  const place = await runtime.hold(w());
  const results = await session.run({ x: x(), w: w() }, { into: { double: place } });
  expect(Object.keys(results)).toEqual(['sum']);
  expect([...(await place.read()).data]).toEqual([2, 4, 6]);
});

test('missing, unknown and misshapen inputs are coded errors and the runtime goes on', async () => {
  const session = await runtime.load(model());
  await expect(session.run({ x: x() })).rejects.toMatchObject({ code: 'ADC_RUNTIME', message: /'w' is missing/ });
  await expect(session.run({ x: x(), w: w(), z: x() })).rejects.toMatchObject({ message: /no input z/ });
  const long = tensor(new Float32Array(4), [4]);
  await expect(session.run({ x: long, w: w() })).rejects.toMatchObject({ message: /Got: 4 Expected: 3/ });
  await expect(runtime.load(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
  expect([...(await session.run({ x: x(), w: w() })).double.data]).toEqual([2, 4, 6]);
  await session.release();
  await expect(session.run({ x: x(), w: w() })).rejects.toMatchObject({ message: /released/ });
});

test('a worker that dies rejects the calls that wait and those that come later', async () => {
  const doomed = await Runtime.start({ threads: 1 });
  const session = await doomed.load(model());
  const waiting = session.run({ x: x(), w: w() });
  const { worker } = doomed as unknown as { worker: { terminate(): Promise<number> } };
  void worker.terminate();
  await expect(waiting).rejects.toMatchObject({ code: 'ADC_RUNTIME', message: /worker ended/ });
  await expect(session.run({ x: x(), w: w() })).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
});

test('calls after close are refused and closing twice is harmless', async () => {
  const other = await Runtime.start({ threads: 1 });
  await other.close();
  await other.close();
  await expect(other.load(model())).rejects.toMatchObject({ message: /closed/ });
});

test('a script that forgets close still ends', async () => {
  const url = new URL('./session.ts', import.meta.url).href;
  const script = `const { Runtime } = await import(${JSON.stringify(url)}); await Runtime.start({ threads: 1 }); console.log('started');`;
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    timeout: 20_000,
  });
  await expect(run).resolves.toMatchObject({ stdout: 'started\n' });
});
