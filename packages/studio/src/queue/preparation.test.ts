/** Background work on images: what fails, passes and is looked at after all. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeProject } from '../../test/sample.ts';
import type { Engine } from '../engine/engine.ts';
import { fail } from '../errors.ts';
import { Bus } from '../jobs/bus.ts';
import { Jobs } from '../jobs/jobs.ts';
import type { ImageRecord, ImageRepository } from '../store/images.ts';
import type { Categories } from './open-categories.ts';
import { Preparation } from './preparation.ts';

/** Looks at so many images. @param fault of an image, at this moment. @param pause instead of a pause. @param ordering called when they are put in order. */
async function looking(
  count: number,
  fault: (id: number) => Error | undefined,
  pause: (ms: number, signal: AbortSignal) => Promise<unknown>,
  ordering: () => void = () => undefined,
) {
  const prepared = new Set<number>();
  const rows = Array.from({ length: count }, (_, i) => ({
    ...{ id: i + 1, category: 'part', path: `${i}.png`, prepared: null, state: 'todo', embedding: [1] },
  })) as unknown as (ImageRecord & { embedding: number[] })[];
  const left = () => rows.filter(({ id }) => !prepared.has(id));
  const images = {
    unprepared: async (_: string, limit: number) => left().slice(0, limit),
    unpreparedCount: async () => ({ total: left().length }),
    setPreparation: async (id: number) => void prepared.add(id),
    embeddings: async () => rows,
    setDiversity: async () => undefined,
  } as unknown as ImageRepository;
  const engine = {
    call: async (name: string, { picture }: { picture: { path: string } }) => {
      if (name === 'diversity') {
        ordering();
        return { order: rows.map((_, i) => i) };
      }
      const id = Number(/(\d+)\.png$/.exec(picture.path)?.[1]) + 1;
      const error = fault(id);
      if (error) throw error;
      return { key: 'k', score: 1, scale: 'residual', uncertainty: 0, embedding: [1] };
    },
  } as unknown as Engine;
  const using = (_: string, work: () => unknown) => work();
  const categories = { using, holds: async () => true } as unknown as Categories;
  const jobs = new Jobs(new Bus(), { line: (error) => error.message, note: () => undefined });
  onTestFinished(() => jobs.close());
  const preparation = new Preparation(await makeProject(0), images, engine, categories, jobs, new Bus(), pause);
  preparation.start('part');
  return { preparation, jobs, prepared, job: () => jobs.list()[0] };
}
const lost = fail('ADC_RUNTIME', { provider: 'the engine', what: 'it ended' });
const unreadable = fail('ADC_IMAGE_EMPTY', { path: 'x.png' });
const missing = fail('ADC_IMAGE_MISSING', { path: 'x.png' });

test('faults that may pass are waited for, at most a minute each time, and then every image is looked at', async () => {
  const pauses: number[] = [];
  let broken = true;
  const { job, prepared } = await looking(
    30,
    () => (broken ? lost : undefined),
    async (ms) => {
      broken = pauses.push(ms) < 40;
    },
  );
  await vi.waitFor(() => expect(job()?.state).toBe('done'));
  expect(job()).toMatchObject({ result: 'Looked at 30 images.', leftOut: 0 });
  expect(prepared.size).toBe(30);
  expect(pauses.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000));
  expect(Math.max(...pauses)).toBe(60_000);
});

test('a pause ends when everything is closed', async () => {
  const begun = vi.fn();
  const { jobs, job } = await looking(
    30,
    () => lost,
    (_, signal) =>
      new Promise((_, reject) => {
        begun();
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  );
  await vi.waitFor(() => expect(begun).toHaveBeenCalled());
  await jobs.close();
  expect(job()?.state).toBe('cancelled');
  expect(begun).toHaveBeenCalledTimes(1);
});

test('broken and missing pictures are passed over, however many, and named', async () => {
  const pauses: number[] = [];
  const fault = (id: number) => (id <= 25 ? unreadable : id <= 50 ? missing : undefined);
  const { job } = await looking(60, fault, async (ms) => pauses.push(ms));
  await vi.waitFor(() => expect(job()?.state).toBe('done'));
  expect(job()).toMatchObject({ leftOut: 50, result: expect.stringMatching(/^Looked at 10 images. 50 images could/) });
  expect(pauses).toEqual([]);
});

test('pauses go on and grow while faults last, however many pictures between them are broken or missing', async () => {
  const pauses: number[] = [];
  let down = true;
  const { job } = await looking(
    90,
    (id) => [down ? lost : undefined, unreadable, missing][id % 3],
    async (ms) => {
      down = pauses.push(ms) < 6;
    },
  );
  await vi.waitFor(() => expect(job()?.state).toBe('done'));
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32].map((seconds) => seconds * 1000));
  expect(job()).toMatchObject({ leftOut: 60, result: expect.stringMatching(/^Looked at 30 images. 60 images could/) });
});

test('a category that is opened anew meanwhile has its images looked at again', async () => {
  let broken = true;
  const { preparation, job, prepared } = await looking(
    30,
    () => (broken ? fail('ADC_INDEX_DAMAGED', { path: 'x', what: 'cut off' }) : undefined),
    async () => {
      broken = false;
      preparation.start('part');
    },
  );
  await vi.waitFor(() => expect(job()?.state).toBe('done'));
  expect(job()?.result).toBe('Looked at 30 images.');
  expect(prepared.size).toBe(30);
});

test('a category that is opened anew at the very end of a run has its images looked at again', async () => {
  let orderings = 0;
  const { preparation, jobs, prepared } = await looking(
    3,
    () => undefined,
    async () => undefined,
    () => {
      if (++orderings > 1) return;
      prepared.clear();
      preparation.start('part');
    },
  );
  await vi.waitFor(() => expect(jobs.list().every(({ state }) => state === 'done')).toBe(true));
  expect(prepared.size).toBe(3);
  expect(orderings).toBe(2);
  expect(jobs.list().map(({ result }) => result)).toEqual(['Looked at 6 images.']);
});
