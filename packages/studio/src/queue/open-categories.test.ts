/** Opening categories: once, and again when what kept one closed has passed. */
import { fail as failCore } from '@adclick/core/errors';
import type { ErrorSpec } from '@adclick/ortgrad';
import { expect, test, vi } from 'vitest';
import { makeProject } from '../../test/sample.ts';
import type { Engine } from '../engine/engine.ts';
import { fail, STUDIO_ERRORS } from '../errors.ts';
import { Bus } from '../jobs/bus.ts';
import { Jobs } from '../jobs/jobs.ts';
import type { ImageRepository } from '../store/images.ts';
import { Categories } from './open-categories.ts';

/** Categories whose engine answers with what it is given, in this order. */
async function categories(answers: (object | Error | Promise<object>)[]) {
  const call = async () => {
    const answer = await answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const jobs = new Jobs(new Bus(), { line: (error) => error.message, note: () => undefined });
  const images = { forgetPreparations: async () => undefined } as unknown as ImageRepository;
  return new Categories(await makeProject(), { call } as unknown as Engine, images, jobs);
}
const OPEN = { key: 'a', pictures: 2 };

test('a category that could not be opened stays so, until it is indexed again or the engine begins anew', async () => {
  const gone = failCore('ADC_IMAGE_MISSING', { path: 'good/0.png' });
  const asked = await categories([gone, OPEN, gone, OPEN]);
  await expect(asked.open('part')).rejects.toBe(gone);
  await expect(asked.open('part')).rejects.toBe(gone);
  expect(() => asked.check('part')).toThrow(gone);
  asked.rebuild('part');
  expect(await asked.open('part')).toEqual(OPEN);
  asked.reset();
  await expect(asked.open('part')).rejects.toBe(gone);
  asked.reset();
  expect(await asked.open('part')).toEqual(OPEN);
});

test.each(Object.entries(STUDIO_ERRORS as Record<string, ErrorSpec>))(
  '%s: whoever asks next tries again where it passes by itself, and only then',
  async (code, { passing }) => {
    const fault = fail(code as keyof typeof STUDIO_ERRORS);
    const asked = await categories([fault, OPEN]);
    const both = [asked.open('part'), asked.open('part')];
    for (const each of both) await expect(each).rejects.toBe(fault);
    if (passing === 'by itself') expect(await asked.open('part')).toEqual(OPEN);
    else await expect(asked.open('part')).rejects.toBe(fault);
  },
);

const damaged = failCore('ADC_INDEX_DAMAGED', { path: 'part', what: 'a shard is not what was written' });
/** An answer of an engine that reads the same index. */
const same = (key = 'a') => ({ key, pictures: 2 });

/** Work that meets a damaged index once. */
function damagedOnce(): () => Promise<string> {
  const faults = [damaged];
  return async () => {
    const fault = faults.pop();
    if (fault) throw fault;
    return 'done';
  };
}

test('a category whose files stay damaged is opened anew once, and nobody is told of it', async () => {
  const answers = [same(), same(), same(), same()];
  const asked = await categories(answers);
  const told: string[] = [];
  asked.onOpen((name) => told.push(name));
  const work = async () => {
    throw damaged;
  };
  for (let n = 0; n < 3; n++) await expect(asked.using('part', work)).rejects.toBe(damaged);
  expect(answers).toHaveLength(2);
  expect(told).toEqual(['part']);
  // Building may have mended it.
  asked.rebuild('part');
  await expect(asked.using('part', work)).rejects.toBe(damaged);
  expect(answers).toHaveLength(0);
  expect(told).toEqual(['part', 'part']);
});

test('a category whose files are gone is opened anew each time, and what is prepared begins again', async () => {
  const asked = await categories([same('a'), same('b'), same('c')]);
  const told: string[] = [];
  asked.onOpen((name) => told.push(name));
  for (const key of ['b', 'c']) {
    await asked.using('part', damagedOnce());
    expect((await asked.open('part')).key).toBe(key);
  }
  expect(told).toHaveLength(3);
});

test('a category that was opened anew while it was built again is opened anew once more when its files go later', async () => {
  let built!: (answer: object) => void;
  const building = new Promise<object>((resolve) => (built = resolve));
  const asked = await categories([same('a'), building, same('b'), same('d')]);
  await asked.open('part');
  // The work fails while the category is built again.
  await asked.using('part', async () => {
    if ((await asked.open('part')).key !== 'a') return;
    asked.rebuild('part');
    await new Promise((resolve) => setTimeout(resolve, 10));
    throw damaged;
  });
  built(same('c'));
  await vi.waitFor(async () => expect((await asked.open('part')).key).toBe('c'));
  expect(await asked.using('part', damagedOnce())).toBe('done');
  expect((await asked.open('part')).key).toBe('d');
});

test('a category that is looked at for a new detector is opened anew all the same', async () => {
  let kept!: (answer: object) => void;
  const looking = new Promise<object>((resolve) => (kept = resolve));
  // Its detector is another one than there is.
  const answers = [same('a-old'), looking, same('b')];
  const asked = await categories(answers);
  await asked.open('part');
  const current = asked.current('part');
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  const used = asked.using('part', damagedOnce());
  await new Promise((resolve) => setTimeout(resolve, 10));
  kept(same('a'));
  expect((await current).key).toBe('a');
  expect(await used).toBe('done');
  expect((await asked.open('part')).key).toBe('b');
});

test('a category that got another detector while its files went is opened anew all the same', async () => {
  const answers = [same('a-old'), same('a'), same('b')];
  const asked = await categories(answers);
  const work = async () => {
    if ((await asked.current('part')).key !== 'b') throw damaged;
    return 'done';
  };
  expect(await asked.using('part', work)).toBe('done');
  expect(answers).toHaveLength(0);
});

test('a category whose files are too damaged to be opened anew is not read again by everyone who asks', async () => {
  const answers = [same(), damaged, same()];
  const asked = await categories(answers);
  const work = async () => {
    throw damaged;
  };
  for (let n = 0; n < 3; n++) await expect(asked.using('part', work)).rejects.toBe(damaged);
  expect(answers).toHaveLength(1);
});
