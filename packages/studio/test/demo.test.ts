/** The demo, small: what it answers, which detector it leaves behind, and what that was not shown before. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Detector, type Mask, readRgb } from '@adclick/core';
import { openCategory, readDefectMask } from '@adclick/core/datasets';
import { type DetectionItem, evaluateDetection } from '@adclick/core/evaluation';
import { readCard } from '@adclick/core/models';
import { expect, test } from 'vitest';
import { runDemo } from '../src/workbench/demo.ts';
import { adclick } from './command.ts';
import { temporaryFolder } from './sample.ts';

const SIDE = 128;
/** Defects of each type that the demo labels come first. */
const LABELLED = ['000', '001'];

test('ends with a detector in the project, whose figures are of pictures that were neither labelled nor indexed', async () => {
  const out = await temporaryFolder();
  const { detector, folder, defects, miou, report } = await runDemo({ out, side: SIDE, steps: 4 });
  expect(defects).toBe(6);
  expect(miou['5']).toBeGreaterThan(miou['1'] - 0.1);
  expect(detector).toMatchObject({
    path: join(folder, '.adclick', 'models', `detector-${basename(folder)}`, 'detector.onnx'),
    good: 8,
    defects: 9,
  });
  const { path, from, ap, iauroc, residualAp, notes } = detector!;
  const card = readCard(await readFile(path), path);
  expect(card).toMatchObject({ name: basename(folder), map: { from }, input: { width: SIDE } });
  if (from === 'network') expect(card.training).toMatchObject({ labels: 6, steps: 4 });
  else expect([residualAp, notes[0]]).toEqual([ap, expect.stringContaining('left aside')]);

  const dataset = await openCategory(folder, '.');
  const items: DetectionItem[] = [];
  for (const defect of dataset.defects) {
    const { path, name, type } = defect;
    if (LABELLED.includes(name)) continue;
    const image = await readRgb(path);
    items.push({ name, type, image, mask: await readDefectMask(defect, image) });
  }
  for (const path of dataset.testGood) {
    const mask: Mask = { data: new Uint8Array(SIDE * SIDE), width: SIDE, height: SIDE, channels: 1 };
    items.push({ name: basename(path), type: 'good', image: await readRgb(path), mask });
  }
  const loaded = await Detector.load(path);
  const again = await evaluateDetection(items, (image) => loaded.detect(image));
  await loaded.close();
  expect([ap, iauroc]).toEqual([expect.closeTo(again.ap, 6), again.iauroc]);

  const page = await readFile(report, 'utf8');
  const shown = page.slice(page.indexOf('And without clicks'));
  expect(shown.match(/: map"/g)).toHaveLength(9 + 4);
  expect(shown).toContain(`threshold ${card.thresholds.score.toFixed(3)}`);
  expect(shown).toContain(`<td>${(100 * ap).toFixed(1)}</td>`);
  for (const note of notes) expect(shown).toContain(note.replaceAll("'", '&#39;'));

  const picture = dataset.defects.find(({ name }) => !LABELLED.includes(name))!.path;
  const { stdout } = await adclick(['predict', picture, '--project', folder, '--json']);
  const score = again.images[0].score;
  expect(JSON.parse(stdout).results[0].score).toBeCloseTo(score, 4);
}, 300_000);

test('without training there is no detector', async () => {
  const out = await temporaryFolder();
  const answer = await runDemo({ out, side: SIDE, product: 'leather', train: false });
  expect(answer).toMatchObject({ product: 'leather', defects: 10, report: join(out, 'report.html') });
  expect(answer.detector).toBeUndefined();
  expect(answer.miou['5']).toBeGreaterThan(0.4);
  expect(existsSync(join(answer.folder, '.adclick', 'models'))).toBe(false);
  expect(await readFile(answer.report, 'utf8')).not.toContain('And without clicks');
});
