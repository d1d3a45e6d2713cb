/** Opening categories: once, and again when what kept one closed has passed. */
import { fail as failCore } from '@adclick/core/errors';
import type { ErrorSpec } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import { makeProject } from '../../test/sample.ts';
import type { Engine } from '../engine/engine.ts';
import { fail, STUDIO_ERRORS } from '../errors.ts';
import { Bus } from '../jobs/bus.ts';
import { Jobs } from '../jobs/jobs.ts';
import type { ImageRepository } from '../store/images.ts';
import { Categories } from './open-categories.ts';

/** Categories whose engine answers with what it is given, in this order. */
async function categories(answers: (object | Error)[]) {
  const call = async () => {
    const answer = answers.shift();
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
