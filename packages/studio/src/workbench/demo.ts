/** The demo: a sample product from pictures to masks and a detector, by the same services that a real project uses, with a report. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Click, Labeler, type Plane, readRgb, writeMask } from '@adclick/core';
import { type DefectImage, openCategory, readDefectMask } from '@adclick/core/datasets';
import {
  figureCards,
  htmlPage,
  iou,
  mean,
  nextClick,
  renderProductSheet,
  type SheetDefect,
  type SheetStep,
} from '@adclick/core/evaluation';
import { describeIoError, writeFileAtomic } from '@adclick/core/files';
import { drawOverlay, encodeJpeg } from '@adclick/core/image';
import { findSampleProduct, SAMPLE_PRODUCTS, type SampleProduct, writeSampleProduct } from '@adclick/core/synthesis';
import type { LabelledDefect } from '@adclick/core/training';
import { Runtime } from '@adclick/ortgrad';
import { counted } from '../api.ts';
import { indexCategory, openCurrentIndex } from '../engine/indexing.ts';
import { fail } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { categoriesOf } from '../project/categories.ts';
import { detectLayout } from '../project/layout.ts';
import { PROJECT_FILE, type Project, writeProject } from '../project/project.ts';
import { type DemoDetector, demoDetector } from './demo-detector.ts';
import { maskOf } from './labelling.ts';

export interface DemoOptions {
  /** A sample product's name or kind; default: the first one. */
  readonly product?: string;
  /** Folder for everything; default: a new one among the system's temporary files. */
  readonly out?: string;
  /** Ends with a detector trained on the masks; default true. */
  readonly train?: boolean;
  /** Optimiser steps of each of its trainings. */
  readonly steps?: number;
  /** Side of the drawn pictures in pixels; default 512. */
  readonly side?: number;
}

/** What `demo --json` answers; IoU means over all labelled defects after so many clicks. */
export interface DemoAnswer {
  readonly product: string;
  readonly report: string;
  readonly miou: Readonly<Record<'1' | '3' | '5', number>>;
  readonly seconds: number;
  /** Folder with pictures, masks and overlays. */
  readonly folder: string;
  /** Sample defects that were labelled. */
  readonly defects: number;
  /** Absent when none was trained. */
  readonly detector?: DemoDetector;
}

const CLICKS = 5;
/** Click counts that the report shows. */
const SHOWN = [1, 3, 5] as const;
/** Clicks after which masks and overlays are written. */
const WRITTEN = 3;
const SAMPLES = { normals: 30, testGoods: 8, defectsPerType: 5 };
/** Defects of each type that are labelled; the others are kept for the detector. */
const LABELLED = 2;
const SIDE = 512;
/** Good pictures in the report. */
const GOOD_SHOWN = 4;

/** A sample defect after 1 to 5 clicks. */
interface Labelled {
  readonly sheet: SheetDefect;
  readonly ious: readonly number[];
  /** What a detector may learn from: the network's map after all clicks, not the true mask. */
  readonly label: LabelledDefect;
}

/** The first defects of each type, and the others. */
function divide(defects: readonly DefectImage[]): { labelled: DefectImage[]; unseen: DefectImage[] } {
  const place = (defect: DefectImage) =>
    defects.filter(({ type }) => type === defect.type).findIndex(({ path }) => path === defect.path);
  return {
    labelled: defects.filter((defect) => place(defect) < LABELLED),
    unseen: defects.filter((defect) => place(defect) >= LABELLED),
  };
}

async function labelDefect(
  labeler: Labeler,
  defect: DefectImage,
  threshold: number,
  signal?: AbortSignal,
): Promise<Labelled> {
  const image = await readRgb(defect.path);
  const { width, height } = image;
  const truth = await readDefectMask(defect, image);
  const view = await labeler.open(image);
  const steps: SheetStep[] = [];
  const clicks: Click[] = [];
  let map: Plane = { data: new Float32Array(width * height), width, height, channels: 1 };
  for (let k = 0; k < CLICKS; k++) {
    signal?.throwIfAborted();
    const click = nextClick(map.data, truth, clicks, threshold);
    if (click) {
      clicks.push(click);
      map = await view.predict({ clicks: [...clicks], threshold });
    }
    steps.push({ clicks: [...clicks], predicted: maskOf(map, threshold), iou: iou(map, truth, threshold) });
  }
  await view.close();
  const shown = SHOWN.map((k) => steps[k - 1]);
  const written = steps[WRITTEN - 1];
  return {
    sheet: { name: `${defect.type} ${defect.name}`, image, truth, steps: [...shown, written] },
    ious: steps.map((step) => step.iou as number),
    label: { name: defect.name, type: defect.type, image, probability: map, clicks },
  };
}

async function writeResults(folder: string, { type, name }: DefectImage, { sheet }: Labelled): Promise<void> {
  const { predicted, clicks } = sheet.steps.at(-1) as SheetStep;
  await writeMask(join(folder, 'masks', type, `${name}_mask.png`), predicted);
  const overlay = drawOverlay(sheet.image, predicted, { clicks });
  await writeFileAtomic(join(folder, 'overlays', type, `${name}.jpg`), await encodeJpeg(overlay));
}

function choose(product: string | undefined): SampleProduct {
  const sample = product === undefined ? SAMPLE_PRODUCTS[0] : findSampleProduct(product);
  if (sample) return sample;
  const names = SAMPLE_PRODUCTS.map(({ name }) => name).join(', ');
  throw fail('ADC_USAGE', { what: `no sample product ${product}, only ${names}`, command: 'adclick demo' });
}

/** Draws the pictures, writes a project beside them. */
async function prepare(
  sample: SampleProduct,
  folder: string,
  side: number,
  { onProgress, signal }: WorkOptions,
): Promise<Project> {
  onProgress?.({ label: `drawing ${sample.name}`, done: 0 });
  await writeSampleProduct(folder, sample.name, { ...SAMPLES, width: side, height: side, signal });
  const { categories } = await detectLayout(folder);
  return writeProject(join(folder, PROJECT_FILE), { categories: { ...categories }, pixels: side });
}

async function writeReport(
  path: string,
  sample: SampleProduct,
  labelled: readonly Labelled[],
  good: readonly string[],
  { miou, detector }: Pick<DemoAnswer, 'miou' | 'detector'>,
  section: string,
) {
  const percent = (value: number) => (100 * value).toFixed(1);
  const sheet = await renderProductSheet({
    name: sample.title,
    description: `Good parts, and ${labelled.length} defects that no model has seen. Each is labelled by clicks of a simulated annotator: always where the mask is most wrong.`,
    good: await Promise.all(good.slice(0, GOOD_SHOWN).map((file) => readRgb(file))),
    defects: labelled.map(({ sheet }) => ({ ...sheet, steps: sheet.steps.slice(0, SHOWN.length) })),
  });
  const cards = SHOWN.map((k) => ({
    value: `${percent(miou[`${k}`])} %`,
    label: `mean IoU after ${counted(k, 'click')}`,
  }));
  if (detector) {
    const { ap, residualAp } = detector;
    cards.push({
      value: `${percent(ap)} %`,
      label: `average precision without clicks, residual alone ${percent(residualAp)} %`,
    });
  }
  const header = `<header><h1>ADClick demo</h1><p class="quiet">From good pictures and a few clicks to a pixel-exact mask${detector ? ', and from a few masks to a detector' : ''}. The part is drawn by the program; the exact masks are known.</p></header>`;
  const page = htmlPage({
    title: `ADClick demo: ${sample.title}`,
    body: [header, figureCards(cards), sheet, section].filter(Boolean).join('\n'),
  });
  await writeFileAtomic(path, new TextEncoder().encode(page));
}

/** A new folder among the system's temporary files. @throws ADC_DISK. */
async function temporaryFolder(): Promise<string> {
  const path = join(tmpdir(), 'adclick-demo-');
  try {
    return await mkdtemp(path);
  } catch (error) {
    throw fail('ADC_DISK', { path, what: describeIoError(error) }, error);
  }
}

/** Runs the demo. @throws ADC_USAGE for an unknown product, ADC_DISK. */
export async function runDemo(options: DemoOptions = {}, work: WorkOptions = {}): Promise<DemoAnswer> {
  const started = performance.now();
  const { train = true, steps, side = SIDE } = options;
  const sample = choose(options.product);
  const base = options.out === undefined ? await temporaryFolder() : resolve(options.out);
  const folder = join(base, sample.name);
  const report = join(base, 'report.html');
  const project = await prepare(sample, folder, side, work);
  const category = categoriesOf(project)[0];
  const runtime = await Runtime.start();
  try {
    await indexCategory(project, category, { ...work, runtime });
    const index = await openCurrentIndex(project, category, { ...work, runtime });
    const labeler = await Labeler.load({ index, weights: project.settings.weights, runtime });
    const dataset = await openCategory(folder, '.');
    const defects = divide(dataset.defects);
    const labelled: Labelled[] = [];
    for (const [done, defect] of defects.labelled.entries()) {
      work.onProgress?.({ label: 'labelling', done, total: defects.labelled.length });
      const result = await labelDefect(labeler, defect, project.settings.thresholds.mask, work.signal);
      await writeResults(folder, defect, result);
      labelled.push(result);
    }
    await labeler.close();
    const after = (k: number) => mean(labelled.map(({ ious }) => ious[k - 1]));
    const miou = { '1': after(1), '3': after(3), '5': after(5) };
    const labels = labelled.map(({ label }) => label);
    const unseen = { good: dataset.testGood, defects: defects.unseen };
    const made = train
      ? await demoDetector({ project, category, index, labels, steps, unseen }, work)
      : { detector: undefined, section: '' };
    const { detector, section } = made;
    await writeReport(report, sample, labelled, dataset.normals, { miou, detector }, section);
    const seconds = (performance.now() - started) / 1000;
    return {
      product: sample.name,
      report,
      miou,
      seconds,
      folder,
      defects: labelled.length,
      ...(detector && { detector }),
    };
  } finally {
    await runtime.close();
  }
}
