/** Cells of clicks: figures of the masks they give, and labels that detectors are trained on. */

import { join } from 'node:path';
import { Labeler, type ReferenceIndex, readRgb } from '@adclick/core';
import { type Dataset, type DefectImage, splitDefects } from '@adclick/core/datasets';
import {
  CLICK_COUNTS,
  type ClickEvaluation,
  type ClickMethod,
  clickItems,
  evaluateClicks,
  labelByClicks,
  labelerMethod,
  spread,
} from '@adclick/core/evaluation';
import { objectName } from '@adclick/core/language';
import type { LabelledDefect } from '@adclick/core/training';
import { Runtime, readSafetensors, tensor, writeSafetensors } from '@adclick/ortgrad';
import { z } from 'zod';
import { gridOf } from '../../project/project.ts';
import { indexInMemory } from '../click-evaluation.ts';
import { clickRival } from '../click-rivals.ts';
import { datasetOf, fileOf, type Making } from './bench.ts';
import type { ClicksCell, LabelsCell } from './cells.ts';
import { rivalPath } from './rivals.ts';
import { weightsPath } from './weights.ts';

/** Share of a cell's progress that the index of good pictures is. */
export const INDEXING = 0.2;

/** Opens models and the index of a category's good pictures, and closes them after the work. */
export async function withIndex<T>(
  dataset: Dataset,
  { category, pixels, backbone }: Pick<LabelsCell, 'category' | 'pixels' | 'backbone'>,
  making: Making,
  work: (index: ReferenceIndex, runtime: Runtime) => Promise<T>,
): Promise<T> {
  const { report, signal, threads } = making;
  const runtime = await Runtime.start({ threads });
  try {
    const index = await indexInMemory(dataset, category, { ...gridOf({ pixels }), backbone }, runtime, {
      onProgress: ({ done, total = 1 }) => report((INDEXING * done) / total, 'good pictures'),
      signal,
    });
    return await work(index, runtime);
  } finally {
    await runtime.close();
  }
}

const figuresSchema = z.object({ ap: z.number(), pro: z.number(), pauroc: z.number(), miou: z.number() });
/** How pictures were compared with good ones. */
export const comparedSchema = z.object({
  /** Good pictures to compare with, of how many there were. */
  pictures: z.number(),
  of: z.number(),
  /** The most similar of them that each picture was compared with, at most: K. */
  neighbours: z.number(),
  /** Radius of the match in tokens: delta of Eq. 3. */
  radius: z.number(),
});
export type Compared = z.infer<typeof comparedSchema>;

const byClicks = z.record(z.string(), figuresSchema);
/** What a cell of clicks answers; figures by number of clicks, fractions of 1. */
export const clicksAnswer = z.object({
  images: z.number(),
  available: z.number(),
  weights: z.string(),
  trainedOn: z.string(),
  /** Pixels of the models' grid; none for other methods. */
  grid: z.tuple([z.number(), z.number()]).optional(),
  /** None for other methods. */
  compared: comparedSchema.optional(),
  /** Every pixel above the threshold counts, as papers measure. */
  plain: byClicks,
  /** Under the rules of a click; other methods' masks stand as they are. */
  ruled: byClicks,
});
export type ClicksAnswer = z.infer<typeof clicksAnswer>;

const figures = (at: ClickEvaluation['at']) =>
  Object.fromEntries(
    [...at].map(([count, { ap, pro, pauroc, miou }]) => [String(count), { ap, pro, pauroc, miou }] as const),
  );

/** Labels every defect by simulated clicks; good pictures have no part in it. */
export async function makeClicks(cell: ClicksCell, making: Making): Promise<ClicksAnswer> {
  const { category, by, clicks, limit } = cell;
  const { signal, threads } = making;
  const dataset = await datasetOf(making, category);
  const defects = spread(dataset.defects, limit);
  const figuresOf = async (method: ClickMethod, begun: number) => {
    const evaluation = await evaluateClicks(clickItems(defects, method), {
      clicks,
      threshold: method.threshold,
      report: CLICK_COUNTS,
      examples: 0,
      what: category,
      onImage: (_, done) => making.report(begun + ((1 - begun) * done) / defects.length, 'labelling'),
      signal,
    });
    return {
      images: evaluation.images.length,
      available: dataset.defects.length,
      weights: method.name,
      trainedOn: [method.trainedOn].flat().join(', '),
      plain: figures((evaluation.asPaper ?? evaluation).at),
      ruled: figures(evaluation.at),
    };
  };
  if ('rival' in by) {
    const runtime = await Runtime.start({ threads });
    try {
      return await figuresOf(await clickRival(rivalPath(by, making), { dataset, runtime, signal }), 0);
    } finally {
      await runtime.close();
    }
  }
  return withIndex(dataset, { category, ...by }, making, async (index, runtime) => {
    const weights = weightsPath(by.weights, making);
    const labeler = await Labeler.load({ index, weights, runtime, object: objectName(category) });
    const answer = await figuresOf(labelerMethod(labeler, by.language ? 'type' : 'none'), INDEXING);
    await labeler.close();
    const { grid, neighbours, radius } = index.settings;
    const pictures = index.names.length;
    return { ...answer, grid: [grid.width, grid.height], compared: { pictures, of: pictures, neighbours, radius } };
  });
}

/** The defects that a detector of a category is trained on. */
export const trainingDefects = (
  category: string,
  { defects }: Dataset,
  { count, seed }: { readonly count: number; readonly seed: number },
): readonly DefectImage[] => splitDefects(category, defects, { count, seed }).train;

const LABELS_FILE = 'labels.safetensors';

const clickSchema = z.object({ x: z.number(), y: z.number(), positive: z.boolean() });
/** What a cell of labels answers; the map of label i is the tensor i of its file. */
export const labelsAnswer = z.object({
  labels: z.array(z.object({ type: z.string(), name: z.string(), clicks: z.array(clickSchema) })),
});

export async function makeLabels(cell: LabelsCell, making: Making): Promise<z.infer<typeof labelsAnswer>> {
  const { category, clicks } = cell;
  const dataset = await datasetOf(making, category);
  const defects = trainingDefects(category, dataset, cell);
  const labels = await withIndex(dataset, cell, making, async (index, runtime) => {
    const weights = weightsPath(cell.weights, making);
    const labeler = await Labeler.load({ index, weights, runtime, object: objectName(category) });
    return labelByClicks(defects, labeler, clicks, {
      onLabel: (done) => making.report(INDEXING + ((1 - INDEXING) * done) / defects.length, 'labelling'),
      signal: making.signal,
    }).finally(() => labeler.close());
  });
  const maps = labels.map(({ probability: { data, width, height } }) => tensor(data, [height, width]));
  await writeSafetensors(join(making.folder, LABELS_FILE), new Map(maps.map((map, i) => [String(i), map])), {});
  return {
    labels: labels.map(({ type, name, clicks: made }) => ({
      ...{ type, name },
      clicks: made.map(({ x, y, positive }) => ({ x, y, positive })),
    })),
  };
}

/** The labels of a cell, with their pictures as an index sees them. @throws ADC_CELL, what reading throws. */
export async function readLabels(
  name: string,
  dataset: Dataset,
  index: ReferenceIndex,
  making: Making,
): Promise<LabelledDefect[]> {
  const { labels } = await making.store.answer(name, labelsAnswer);
  const { tensors } = await readSafetensors(fileOf(making, name, LABELS_FILE));
  const read: LabelledDefect[] = [];
  for (const [i, { type, name: called, clicks }] of labels.entries()) {
    const defect = dataset.defects.find((each) => each.type === type && each.name === called);
    const map = tensors.get(String(i));
    if (!defect || !(map?.data instanceof Float32Array)) throw making.store.damaged(name, `label ${i} is not whole`);
    const [height, width] = map.shape as readonly [number, number];
    const image = await readRgb(defect.path, { windows: index.windows });
    read.push({ type, name: called, image, probability: { data: map.data, width, height, channels: 1 }, clicks });
  }
  return read;
}
