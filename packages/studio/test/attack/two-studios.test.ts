/** Two studios on one database and one picture, each with its own memory of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { Action } from '../../src/api.ts';
import type { Predictor } from '../../src/labels/masks.ts';
import type { Studio } from '../../src/studio.ts';
import { instantPredictor, makeProject, openStudio, squares } from '../sample.ts';

const click = (x: number, y: number): Action => ({ kind: 'click', type: 1, click: { x, y, positive: true } });

/** Answers after a while, and counts how often it was asked. */
function slowPredictor(milliseconds: number) {
  const asked: number[] = [];
  const predictor: Predictor = {
    ...instantPredictor,
    predict: async (image, { clicks, threshold }) => {
      asked.push(clicks.length);
      await sleep(milliseconds);
      return squares(clicks, threshold, image);
    },
  };
  return { predictor, asked };
}

/** Fails after a while instead of waiting for ever. */
async function soon<T>(work: Promise<T>): Promise<T> {
  const late = sleep(5_000, undefined, { ref: false }).then(() => {
    throw new Error('still not done');
  });
  return Promise.race([work, late]);
}

/** What both say of an image is the same, and is the fold of what is stored. */
async function agree(studios: readonly Studio[], id: number): Promise<void> {
  for (const studio of studios)
    expect(await studio.labels.state(id)).toEqual(await studio.store.labels.refold(id, 0.49));
}

test('a mask that the other one computed meanwhile is seen before the next click is stored', async () => {
  const project = await makeProject();
  const [one, other] = [slowPredictor(300), slowPredictor(5)];
  const a = await openStudio(project, { predictor: one.predictor });
  const b = await openStudio(project, { predictor: other.predictor });
  const first = a.labels.act(1, { base: 0, action: click(3, 3) }, 'ada');
  await vi.waitFor(() => expect(one.asked).toEqual([1]), { interval: 1 });
  // What b remembers now is of before the mask.
  expect(await b.labels.peek(1)).toMatchObject({ version: 1, completed: 0 });
  await first;
  const answer = await soon(b.labels.act(1, { base: 1, action: click(15, 8) }, 'bob'));
  expect(answer).toMatchObject({ version: 2, superseded: false });
  expect(other.asked).toEqual([2]);
  await agree([a, b], 1);
});

test('both work on one picture by turns and at the same time, lose nothing, and come to rest', async () => {
  const project = await makeProject();
  const [one, other] = [slowPredictor(3), slowPredictor(5)];
  const studios = [
    await openStudio(project, { predictor: one.predictor }),
    await openStudio(project, { predictor: other.predictor }),
  ];
  const stored: number[] = [];
  const work = async (studio: Studio, n: number) => {
    for (let done = 0; done < 20; ) {
      const { version } = await studio.labels.peek(1);
      const action = done % 5 === 4 ? ({ kind: 'undo' } as const) : click(3 + ((done * 5 + n) % 18), 8);
      try {
        stored.push((await soon(studio.labels.act(1, { base: version, action }, `user ${n}`))).version);
        done++;
      } catch (error) {
        if ((error as Error).message === 'still not done') throw error;
      }
      await sleep(1 + n);
    }
  };
  await Promise.all(studios.map(work));
  expect(new Set(stored).size).toBe(40);
  const events = await studios[0].store.labels.events(1);
  expect(events.map(({ version }) => version)).toEqual(events.map((_, i) => i + 1));
  await agree(studios, 1);
});
