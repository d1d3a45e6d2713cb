/** The worker: results, tensors that stay, errors, and its end. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { CodedError } from './errors.ts';
import { Graph } from './graph.ts';
import { add } from './ops/elementwise.ts';
import { matmul } from './ops/matmul.ts';
import { scale } from './ops/scalars.ts';
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
  const { remote } = doomed as unknown as { remote: { wire: { end(): Promise<void> } } };
  // Told to end while it is idle: ended within a run, native code would abort the process, or the answer would come first.
  void remote.wire.end();
  const waiting = session.run({ x: x(), w: w() });
  await expect(waiting).rejects.toMatchObject({ code: 'ADC_RUNTIME', message: /it ended with code 1/ });
  await expect(session.run({ x: x(), w: w() })).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
});

test('calls after close are refused and closing twice is harmless', async () => {
  const other = await Runtime.start({ threads: 1 });
  await other.close();
  await other.close();
  await expect(other.load(model())).rejects.toMatchObject({ message: /closed/ });
});

/** A product of matrices that takes some tenths of a second. */
function slowModel(): Uint8Array {
  const graph = new Graph('slow');
  let product = graph.input('x', [SIDE, SIDE]);
  for (let i = 0; i < 8; i++) product = matmul(product, product);
  graph.output('y', product);
  return graph.toModel();
}
const SIDE = 700;

test('stopping finishes the run under way and refuses those that wait', async () => {
  const busy = await Runtime.start({ threads: 1 });
  const session = await busy.load(slowModel());
  const square = tensor(new Float32Array(SIDE * SIDE), [SIDE, SIDE]);
  const ended: string[] = [];
  const runs = Array.from({ length: 40 }, () =>
    session.run({ x: square }).then(
      () => ended.push('ran'),
      (error: CodedError) => ended.push(error.code),
    ),
  );
  await runs[0];
  await busy.stop();
  await Promise.all(runs);
  expect(busy.alive).toBe(false);
  // The first has ended and one was under way, more only where this thread was slow to ask.
  const refused = ended.indexOf('ADC_RUNTIME');
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(ended.length / 2);
  expect(ended.slice(refused).every((code) => code === 'ADC_RUNTIME')).toBe(true);
  await expect(busy.load(slowModel())).rejects.toMatchObject({ code: 'ADC_RUNTIME', message: /closed/ });
});

/** Runs a script, which finds our modules' folder in `here`, as a process of its own. @returns its stdout. */
async function script(code: string, options = ''): Promise<string> {
  const here = `const here = ${JSON.stringify(new URL('.', import.meta.url).href)};`;
  const words = ['--import', 'tsx', '--input-type=module', '-e', `${here} ${code}`];
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    env: { ...process.env, NODE_OPTIONS: options },
    timeout: 60_000,
  });
  return stdout;
}

/**
 * Options that give every thread a global Float16Array, as Node 24 does. Where there is none, one stands for it that the native binding
 * refuses as well: without it the test would say nothing on Node 20 and 22.
 */
async function withFloat16Array(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ortgrad-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'float16.cjs');
  await writeFile(file, 'globalThis.Float16Array ??= class Float16Array extends Int16Array {};');
  return `--require ${JSON.stringify(file)}`;
}

test.each(['cpu', 'wasm'])('float16 is bits on %s, both ways, also where there is a Float16Array', async (provider) => {
  const said = await script(
    `
    const { Runtime } = await import(here + 'session.ts');
    const { Graph } = await import(here + 'graph.ts');
    const { cast } = await import(here + 'ops/cast.ts');
    const graph = new Graph();
    const x = graph.input('x', [2], 'float16');
    graph.output('wide', cast(x, 'float32'));
    graph.output('narrow', cast(cast(x, 'float32'), 'float16'));
    const runtime = await Runtime.start({ threads: 1, provider: ${JSON.stringify(provider)} });
    const session = await runtime.load(graph.toModel());
    const bits = (...values) => ({ data: Uint16Array.from(values), shape: [values.length], dtype: 'float16' });
    const held = await runtime.hold(bits(0x3c00, 0xc000));
    const place = await runtime.hold(bits(0, 0));
    const fed = await session.run({ x: bits(0x4200, 0x3800) });
    const { narrow: kept } = await session.run({ x: held }, { keep: ['narrow'] });
    const { wide } = await session.run({ x: kept }, { into: { narrow: place } });
    const arrays = [fed.narrow, await held.read(), await kept.read(), await place.read()].map(({ data }) => data);
    const said = arrays.map((data) => [data.constructor.name, ...data]);
    console.log(JSON.stringify([typeof Float16Array, [...fed.wide.data], [...wide.data], ...said]));
    await runtime.close();`,
    await withFloat16Array(),
  );
  const one = ['Uint16Array', 0x3c00, 0xc000];
  expect(JSON.parse(said)).toEqual(['function', [3, 0.5], [1, -2], ['Uint16Array', 0x4200, 0x3800], one, one, one]);
});

test('a script that forgets close still ends', async () => {
  const code =
    "const { Runtime } = await import(here + 'session.ts'); await Runtime.start({ threads: 1 }); console.log('started');";
  await expect(script(code)).resolves.toBe('started\n');
});

test('a process whose runtime is stopped in the middle of a run ends as it wants to', async () => {
  const code = `
    const { Graph, Runtime, matmul, tensor } = await import(here + 'index.ts');
    const graph = new Graph('slow');
    let product = graph.input('x', [${SIDE}, ${SIDE}]);
    for (let i = 0; i < 8; i++) product = matmul(product, product);
    graph.output('y', product);
    const runtime = await Runtime.start({ threads: 1 });
    const session = await runtime.load(graph.toModel());
    const x = tensor(new Float32Array(${SIDE * SIDE}), [${SIDE}, ${SIDE}]);
    for (let i = 0; i < 5; i++) session.run({ x }).catch(() => {});
    setTimeout(async () => {
      await runtime.stop();
      console.log('stopped');
      process.exit(0);
    }, 50);`;
  await expect(script(code)).resolves.toBe('stopped\n');
});
