import { statSync } from 'node:fs';
import Database from 'libsql';
import { expect, onTestFinished, test, vi } from 'vitest';
import { instantPredictor, makeProject, openStudio } from '../../test/sample.ts';
import type { Action } from '../api.ts';
import { databasePath } from '../store/database-path.ts';
import type { Predictor } from './masks.ts';

const click = (n: number): Action => ({
  kind: 'click',
  type: 1,
  click: { x: n % 24, y: Math.floor(n / 24) % 16, positive: n % 3 !== 0 },
});

/** Counts what SQLite is asked from now on. */
function countStatements() {
  const prepare = vi.spyOn(Database.prototype, 'prepare');
  const exec = vi.spyOn(Database.prototype, 'exec');
  onTestFinished(() => {
    prepare.mockRestore();
    exec.mockRestore();
  });
  return () => {
    const commits = exec.mock.calls.filter(([sql]) => sql === 'commit').length;
    const figures = { statements: prepare.mock.calls.length, commits };
    prepare.mockClear();
    exec.mockClear();
    return figures;
  };
}

test('a click costs seven statements and two commits, and the model is asked before the first of them', async () => {
  let asked = () => {};
  const predictor: Predictor = {
    ...instantPredictor,
    predict: (...of) => {
      asked();
      return instantPredictor.predict(...of);
    },
  };
  const studio = await openStudio(await makeProject(), { predictor });
  const count = countStatements();
  for (let n = 0; n < 3; n++) {
    let before = { statements: 0, commits: 0 };
    asked = () => {
      before = count();
    };
    await studio.labels.act(1, { base: n, action: click(n) }, 'ada');
    const after = count();
    expect(before.commits).toBe(0);
    expect(before.statements + after.statements).toBeLessThanOrEqual(7);
    expect(before.commits + after.commits).toBe(2);
  }
  await studio.labels.act(1, { base: 3, action: { kind: 'undo' } }, 'ada');
  const undo = count();
  expect(undo.statements).toBeLessThanOrEqual(10);
  expect(undo.commits).toBe(1);
});

/** Files of this test need not outlive a power cut. */
function withoutFlush(): void {
  const exec = Database.prototype.exec;
  const spy = vi.spyOn(Database.prototype, 'exec').mockImplementation(function (this: Database.Database, sql: string) {
    return exec.call(this, sql === 'PRAGMA synchronous = FULL' ? 'PRAGMA synchronous = OFF' : sql);
  });
  onTestFinished(() => spy.mockRestore());
}

test('two thousand clicks on one image take twice the room of one thousand', async () => {
  withoutFlush();
  const project = await makeProject(1);
  const path = databasePath(project.root);
  const predictor: Predictor = {
    ...instantPredictor,
    // Of the last clicks only: the room is that of the history, not of the masks.
    predict: (image, asked) => instantPredictor.predict(image, { ...asked, clicks: asked.clicks.slice(-3) }),
  };
  const bytes: number[] = [];
  for (const [from, to] of [
    [0, 500],
    [500, 1000],
    [1000, 2000],
  ]) {
    const studio = await openStudio(project, { predictor });
    for (let n = from; n < to; n++) await studio.labels.act(1, { base: n, action: click(n) }, 'ada');
    expect(await studio.labels.state(1)).toEqual(await studio.store.labels.refold(1, 0.49));
    await studio.close();
    bytes.push(statSync(path).size);
  }
  // Twice as many clicks; it was four times the room while every event held all clicks before it.
  expect(bytes[2] - bytes[1]).toBeLessThan(3 * (bytes[1] - bytes[0]));
  expect(bytes[2]).toBeLessThan(1_500_000);
  const studio = await openStudio(project, { predictor });
  await studio.labels.act(1, { base: 2000, action: { kind: 'clear' } }, 'ada');
  await studio.labels.act(1, { base: 2001, action: { kind: 'undo' } }, 'ada');
  expect((await studio.labels.state(1)).face.clicks).toHaveLength(2000);
  expect((await studio.labels.history(1)).events).toHaveLength(2002);
});
