import { expect, test } from 'vitest';
import type { Job } from '../api.ts';
import { errorLine, fail } from '../errors.ts';
import { Bus } from './bus.ts';
import { Jobs, type JobWork } from './jobs.ts';

/** Runs one job to its end. @param stop once it runs. */
async function ended(work: JobWork, stop = false): Promise<{ job: Job; noted: string[] }> {
  const noted: string[] = [];
  const jobs = new Jobs(new Bus(), { line: errorLine, note: ({ code }) => noted.push(code) });
  const { id } = jobs.start('export', 'Export', work);
  if (stop) jobs.cancel(id);
  while (jobs.find(id)?.state === 'running') await new Promise((resolve) => setTimeout(resolve, 5));
  return { job: jobs.find(id) as Job, noted };
}

test('work that left something out says how much, and plain success says nothing of it', async () => {
  expect((await ended(async () => ({ text: '1 image', leftOut: 2 }))).job).toMatchObject({ state: 'done', leftOut: 2 });
  expect((await ended(async () => '1 image.')).job).toMatchObject({ state: 'done', result: '1 image.' });
});

test('work that had come to its end when it was stopped is done, and not stopped', async () => {
  expect((await ended(async () => 'All of it.', true)).job).toMatchObject({ state: 'done', result: 'All of it.' });
  const { job } = await ended(async ({ signal }) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    signal.throwIfAborted();
    return 'never';
  }, true);
  expect(job).toMatchObject({ state: 'cancelled', result: expect.stringContaining('Stopped') });
});

test('a failure of our own is told to whoever runs the server, one of the asker is not', async () => {
  const broken = await ended(async () => {
    throw new TypeError('odd');
  });
  expect(broken).toMatchObject({ job: { state: 'failed' }, noted: ['ADC_INTERNAL'] });
  const refused = await ended(async () => {
    throw fail('ADC_EXPORT_EXISTS', { path: 'labels', what: 'is there' });
  });
  expect(refused).toMatchObject({ job: { state: 'failed' }, noted: [] });
});

test('what is started while everything ends is over before it begins, and no failure', async () => {
  const noted: string[] = [];
  const jobs = new Jobs(new Bus(), { line: errorLine, note: ({ code }) => noted.push(code) });
  await jobs.close();
  const { id } = jobs.start('index', 'Index', async () => {
    throw fail('ADC_RUNTIME', { provider: 'the engine', what: 'it was closed' });
  });
  await jobs.close();
  expect(jobs.find(id)).toMatchObject({ state: 'cancelled' });
  expect(noted).toEqual([]);
});
