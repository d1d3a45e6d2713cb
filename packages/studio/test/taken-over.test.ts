/** Work whose lease another process takes over meanwhile ends with that error, and nothing of it takes its place. */
import { existsSync } from 'node:fs';
import { copyFile, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Detector, writeMask } from '@adclick/core';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { expect, test, vi } from 'vitest';
import { trainSegmentation } from '../src/detectors/training.ts';
import { indexCategory, openCurrentIndex } from '../src/engine/indexing.ts';
import { exportLabels } from '../src/exchange/transfer.ts';
import { distinctFileName } from '../src/file-name.ts';
import type { ProgressEvent } from '../src/jobs/progress.ts';
import { EXCHANGE_JOBS } from '../src/labels/exchange-jobs.ts';
import { openLabels } from '../src/open-labels.ts';
import { categoriesOf, indexFolder } from '../src/project/categories.ts';
import { detectorFolder, keepTrained } from '../src/project/detector-files.ts';
import { detectLayout } from '../src/project/layout.ts';
import { leaseFolder } from '../src/project/lease.ts';
import { whileWritingWeights } from '../src/project/leases.ts';
import { PROJECT_FILE, type Project, writeProject } from '../src/project/project.ts';
import { readPrompts } from '../src/prompts/prompt-file.ts';
import { PromptService } from '../src/prompts/prompts.ts';
import { takeOver } from './leases.ts';
import { makeProject, openStudio, SIDE, temporaryFolder } from './sample.ts';

vi.setConfig({ testTimeout: 120_000 });

const LOST = { code: 'ADC_LEASE_LOST', message: expect.stringContaining('bench-3') };

async function sampleProject(): Promise<Project> {
  const root = await temporaryFolder();
  await writeSampleProduct(root, 'screw', { normals: 4, testGoods: 0, defectsPerType: 0, width: 128, height: 128 });
  const { categories } = await detectLayout(root);
  return writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels: 128 });
}

/** Takes a lease over as soon as work says that it has come so far. */
const at = (root: string, name: string, label: string, share: number) => {
  let taken = false;
  return (event: ProgressEvent) => {
    if (taken || !event.label.startsWith(label) || event.done < share * (event.total ?? event.done)) return;
    taken = true;
    takeOver(root, name);
  };
};

test('work is told by a sign of life that cannot be given', async () => {
  const root = await temporaryFolder();
  const work = whileWritingWeights(root, 'new', {}, async ({ signal }) => {
    takeOver(root, 'weights-new');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    signal.throwIfAborted();
  });
  await expect(work).rejects.toMatchObject(LOST);
});

test('an index that was built under it is not written, and the one before stays', async () => {
  const project = await sampleProject();
  const [category] = categoriesOf(project);
  await indexCategory(project, category);
  const folder = indexFolder(project, category);
  const stands = () =>
    Promise.all([join(folder, 'index.json'), `${folder}.json`].map((path) => readFile(path, 'utf8')));
  const before = await stands();
  const good = join(project.root, category.settings.good[0]);
  const [first] = (await readdir(good)).sort();
  await copyFile(join(good, first), join(good, 'another.png'));
  const onProgress = at(project.root, `index-${basename(folder)}`, 'indexing', 1);
  await expect(indexCategory(project, category, { onProgress })).rejects.toMatchObject(LOST);
  expect(await stands()).toEqual(before);
  // As the other one does when it has ended.
  await rm(join(leaseFolder(project.root), `index-${basename(folder)}.lock`));
  const again = at(project.root, `index-${basename(folder)}`, 'indexing', 1);
  await expect(openCurrentIndex(project, category, { onProgress: again })).rejects.toMatchObject(LOST);
  expect(await stands()).toEqual(before);
});

test('prompts that were changed under it stay as they are', async () => {
  const { root, ...project } = await makeProject(1);
  const service = new PromptService({ root, ...project });
  const before = await service.edit('dent', { add: ['a photo of a part with a dent'] });
  const add: readonly string[] = Object.assign([], {
    *[Symbol.iterator]() {
      takeOver(root, 'prompts');
      yield 'a photo of a part with a deep dent';
    },
  });
  await expect(service.edit('dent', { add })).rejects.toMatchObject(LOST);
  expect((await readPrompts(root)).prompts.part).toEqual({ dent: { by: before.by, phrases: before.phrases } });
});

test('an import goes no further than it had come', async () => {
  const from = await makeProject(3);
  const mask = { data: new Uint8Array(SIDE.width * SIDE.height).fill(1, 30, 34), ...SIDE, channels: 1 } as const;
  for (const n of [0, 1, 2]) await writeMask(join(from.root, `ground_truth/dent/${n}_mask.png`), mask);
  const path = join(await temporaryFolder(), 'coco');
  await exportLabels((await openLabels(from.root, 'ada', 'coco')).store, { format: 'coco', target: path });

  const { root, ...project } = await makeProject(3);
  const studio = await openStudio({ root, ...project });
  // After two good pictures comes the first with a defect.
  const options = { signal: new AbortController().signal, onProgress: at(root, 'import', 'importing', 3 / 5) };
  const work = EXCHANGE_JOBS.import(studio.archive, { format: 'coco', path, user: 'ada' }, options);
  await expect(work).rejects.toMatchObject(LOST);
  const labelled = await Promise.all([1, 2, 3].map(async (id) => (await studio.labels.peek(id)).layers.size));
  expect(labelled).toEqual([1, 0, 0]);
});

test('a detector is not put in place, whichever lease was taken', async () => {
  const root = await temporaryFolder();
  const record = { labels: 2, notes: [], seconds: 1 };
  const save = vi.fn<Detector['save']>();
  const detector = (look: () => void) => ({
    get card() {
      look();
      return { map: { from: 'network' } } as Detector['card'];
    },
    model: new Uint8Array(100),
    save,
  });
  const taken = detector(() => takeOver(root, `detector-${distinctFileName('part')}`));
  await expect(keepTrained(root, 'part', taken, record)).rejects.toMatchObject(LOST);
  await rm(leaseFolder(root), { recursive: true });
  const owned = () => Promise.reject(new Error('the training is no longer ours'));
  await expect(
    keepTrained(
      root,
      'part',
      detector(() => undefined),
      record,
      owned,
    ),
  ).rejects.toThrow('no longer ours');
  expect(save).not.toHaveBeenCalled();
  expect(existsSync(join(detectorFolder(root, 'part'), 'records.json'))).toBe(false);
});

test('training ends before its detector takes the place of the one before', async () => {
  const { root, settings } = await sampleProject();
  const [category] = Object.keys(settings.categories);
  const onProgress = at(root, `train-${distinctFileName(category)}`, 'setting thresholds', 1);
  const labels = (directory: string) => openLabels(directory, 'ada', 'training');
  const work = trainSegmentation(root, labels, { unsupervised: true, steps: 2 }, { onProgress });
  await expect(work).rejects.toMatchObject(LOST);
  expect(existsSync(detectorFolder(root, category))).toBe(false);
});
