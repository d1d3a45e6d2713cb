/** Runs of cells: needs come first, a failure leaves the others be, and what somebody else makes is waited for. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/sample.ts';
import { fail } from '../../errors.ts';
import { type Cell, nameOf, type Pictures } from './cells.ts';
import { type MakeOne, runCells } from './run.ts';
import { CellStore } from './store.ts';

const pictures = (category: string): Pictures => ({ category, content: 'x' });
const detector = (category: string): Cell => ({
  ...{ kind: 'detector', category, on: pictures(category), pixels: 512, network: undefined, seed: 0 },
});
const detection = (category: string): Cell => ({
  ...{ kind: 'detection', category, on: pictures(category), leaveOut: 10, seed: 0 },
  detector: nameOf(detector(category)),
});
/** Figures stand before what they need, as no plan has them. */
const cells = new Map(
  ['a', 'b', 'c'].flatMap((name) => [detection(name), detector(name)].map((cell) => [nameOf(cell), cell] as const)),
);

async function putIn(store: CellStore, cell: Cell): Promise<void> {
  await mkdir(store.folder(nameOf(cell)), { recursive: true });
  await writeFile(join(store.folder(nameOf(cell)), 'cell.json'), '{"seconds": 1, "answer": {}}');
}

async function run(make: (store: CellStore) => MakeOne, jobs = 1, signal = new AbortController().signal) {
  const store = new CellStore(await temporaryFolder());
  const shown: { done: number; total?: number }[] = [];
  const failed = await runCells(cells, {
    ...{ store, jobs, signal, label: 'table', make: make(store) },
    onProgress: (event) => shown.push(event),
  });
  return { store, failed, shown };
}

test('makes what is needed before what needs it, each once', async () => {
  const made: string[] = [];
  const { failed, shown } = await run((store) => async (cell, { report }) => {
    if (cell.kind === 'detection') expect(store.has(cell.detector)).toBe(true);
    report(0.5, 'half');
    made.push(nameOf(cell));
    await putIn(store, cell);
  });
  expect(failed).toEqual([]);
  expect(made.sort()).toEqual([...cells.keys()].sort());
  expect(shown.every(({ done, total = 0 }, i) => done <= total && done >= (shown[i - 1]?.done ?? 0))).toBe(true);
});

test('what only serves figures that are there is not made again', async () => {
  const { store } = await run((to) => (cell) => putIn(to, cell));
  await rm(store.folder(nameOf(detector('a'))), { recursive: true });
  const refused = async () => expect.fail('nothing is missing');
  const again = { store, jobs: 1, signal: new AbortController().signal, label: 'table', make: refused };
  expect(await runCells(cells, again)).toEqual([]);
});

test('a cell that fails takes along what needs it, with the reason, and nothing else', async () => {
  const { failed, store } = await run((to) => async (cell) => {
    if (cell.kind === 'detector' && cell.category === 'b') throw fail('ADC_FOLDER_MISSING', { path: 'b' });
    await putIn(to, cell);
  });
  expect(failed.map(({ cell, code }) => [cell, code])).toEqual([
    [nameOf(detector('b')), 'ADC_FOLDER_MISSING'],
    [nameOf(detection('b')), 'ADC_FOLDER_MISSING'],
  ]);
  expect(failed[1].message).toBe('it needs detector of b: No folder at b');
  expect([...cells.values()].filter((cell) => store.has(nameOf(cell))).map(({ category }) => category)).toEqual([
    ...['a', 'a', 'c', 'c'],
  ]);
});

test('what another process makes is waited for while others are made', async () => {
  let refused = 0;
  const { failed } = await run((store) => async (cell) => {
    if (cell.kind === 'detector' && cell.category === 'a' && refused++ === 0) {
      setTimeout(() => void putIn(store, cell), 200);
      throw fail('ADC_IN_USE', { what: 'it', owner: 'somebody' });
    }
    await putIn(store, cell);
  });
  expect([failed, refused]).toEqual([[], 1]);
});

test('several are made at once, none twice', async () => {
  let [now, most] = [0, 0];
  const made: string[] = [];
  await run(
    (store) => async (cell) => {
      most = Math.max(most, ++now);
      made.push(nameOf(cell));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await putIn(store, cell);
      now--;
    },
    2,
  );
  expect(most).toBe(2);
  expect(new Set(made).size).toBe(made.length);
});

test('stops when it is told to, which is no failure of a cell', async () => {
  const controller = new AbortController();
  const stopped = run(
    () => async () => {
      controller.abort(new Error('enough'));
      controller.signal.throwIfAborted();
    },
    1,
    controller.signal,
  );
  await expect(stopped).rejects.toThrow('enough');
});
