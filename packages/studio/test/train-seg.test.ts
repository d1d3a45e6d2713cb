/** `adclick train seg`: from a project's masks to the detector that `adclick predict` takes, and what it refuses. */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Detector } from '@adclick/core';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { beforeEach, describe, expect, test } from 'vitest';
import type { PredictResult } from '../src/detectors/predicting.ts';
import { type AdaptAnswer, judgedText, type SegTrainingAnswer } from '../src/detectors/training-options.ts';
import { adclick, errorCode } from './command.ts';
import { temporaryFolder } from './sample.ts';

let project: string;
beforeEach(async () => {
  project = join(await temporaryFolder(), 'ring');
  const size = { width: 128, height: 128 };
  await writeSampleProduct(project, 'machined-ring', { normals: 8, testGoods: 1, defectsPerType: 2, ...size });
  expect((await adclick(['init', project, '--yes'])).code).toBe(0);
  const yaml = await readFile(join(project, 'adclick.yaml'), 'utf8');
  await writeFile(join(project, 'adclick.yaml'), yaml.replace('pixels: auto', 'pixels: 128'));
});

const train = (...more: readonly string[]) => adclick(['train', 'seg', project, '--steps', '2', ...more]);
const masks = () => join(project, 'ground_truth');

/** Leaves the masks of so many pictures. */
async function keepMasks(count: number): Promise<void> {
  const files = (await readdir(masks(), { recursive: true })).filter((name) => name.endsWith('.png')).sort();
  for (const name of files.slice(count)) await rm(join(masks(), name));
}

test('makes a detector that predict uses, and keeps the one before', async () => {
  await keepMasks(3);
  const ended = await train('--json');
  expect(ended).toMatchObject({ code: 0 });
  const answer = JSON.parse(ended.stdout) as SegTrainingAnswer;
  expect(answer).toMatchObject({ category: 'ring', labels: 3 });
  expect(answer.notes.join(' ')).toMatch(/AP/);
  const detector = await Detector.load(answer.detector);
  expect(detector.card.map.from).toBe(answer.from);
  expect(answer.judged).toMatchObject({ defective: 3 });
  expect(detector.card.judged).toEqual(answer.judged);
  expect(answer.notes.join(' ')).toMatch(/On held-out pictures at its threshold: .* of 3 labels missed/);
  const picture = join(project, 'test/good/000.png');
  const { stdout } = await adclick(['predict', picture, '--project', project, '--json']);
  const [predicted] = (JSON.parse(stdout) as { results: PredictResult[] }).results;
  const pixels = await adclick(['predict', picture, '--detector', answer.detector, '--json']);
  expect(JSON.parse(pixels.stdout).results[0].score).toBe(predicted?.score);
  await detector.close();

  // What is taken as good moves its thresholds; the one before stays.
  const goods = [join(project, 'train/good'), '--project', project, '--json'];
  const adapted = JSON.parse((await adclick(['adapt', ...goods])).stdout) as AdaptAnswer;
  expect(adapted).toMatchObject({ detector: answer.detector, pictures: 8, before: detector.card.thresholds });
  const after = await Detector.load(answer.detector);
  expect(after.card.thresholds).toEqual(adapted.after);
  expect(after.card.thresholds).toMatchObject({ adapted: 8, defects: 3 });
  await after.close();
  expect(await readdir(join(answer.detector, '..'))).toContain('previous.onnx');
  // What is said of held-out pictures is of the thresholds that it has now.
  const [{ notes }] = JSON.parse(await readFile(join(answer.detector, '../records.json'), 'utf8'));
  expect(notes.filter((note: string) => note.startsWith('On held-out pictures'))).toEqual(
    after.card.judged ? [judgedText(after.card.judged)] : [],
  );
  expect(notes).not.toEqual(expect.arrayContaining([...answer.notes]));
  expect(notes.at(-1)).toBe('8 pictures of the line taken as good.');

  const unsupervised = JSON.parse((await train('--unsupervised', '--json')).stdout) as SegTrainingAnswer;
  expect(unsupervised.labels).toBe(0);
  expect(await readdir(join(answer.detector, '..'))).toContain('previous.onnx');
}, 300_000);

describe('refuses, and leaves nothing behind:', () => {
  test.each<[what: string, code: string, args: readonly string[], prepare: () => Promise<unknown>]>([
    ['no labels', 'ADC_LABELS', [], () => rename(masks(), `${masks()}-away`)],
    ['a single label', 'ADC_LABELS', [], () => keepMasks(1)],
    ['a defect type without labels', 'ADC_LABELS', ['--type', 'nothing'], async () => undefined],
    ['a category that is not there', 'ADC_PROJECT', ['--category', 'nothing'], async () => undefined],
    [
      'a prompt file edited to nonsense',
      'ADC_PROMPT_FILE',
      [],
      () => writeFile(join(project, '.adclick', 'prompts.json'), '{"ring": {"dent": 7'),
    ],
  ])('%s', async (_, code, args, prepare) => {
    expect((await adclick(['index', project])).code).toBe(0);
    await prepare();
    const before = await readdir(join(project, '.adclick'), { recursive: true });
    expect(errorCode(await train(...args))).toBe(code);
    expect(await readdir(join(project, '.adclick'), { recursive: true })).toEqual(before);
  });
});
