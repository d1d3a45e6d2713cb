/** Labelling one picture by clicks. */
import { basename, extname, resolve } from 'node:path';
import { type Click, Labeler, type Mask, type Plane, readImage, writeMask } from '@adclick/core';
import { pictureNotes } from '@adclick/core/image';
import { Runtime } from '@adclick/ortgrad';
import { openCurrentIndex } from '../engine/indexing.ts';
import { writeProbability } from '../engine/written.ts';
import { fail } from '../errors.ts';
import type { NotedOptions } from '../jobs/progress.ts';
import { categoryOf } from '../project/categories.ts';
import { resolveWeights } from '../project/model-files.ts';
import { openProject } from '../project/project.ts';
import { PromptService } from '../prompts/prompts.ts';
import { typesInUse } from '../store/types-in-use.ts';

/** What is to be labelled, and where the results go. */
export interface LabelRequest {
  readonly picture: string;
  readonly project: string;
  /** Pixels of the upright original, in the order they were made. */
  readonly clicks: readonly Click[];
  readonly category?: string;
  readonly defect?: string;
  readonly weights?: string;
  /** Default: the picture's name with `_mask.png`, in the current folder. */
  readonly out?: string;
  readonly probabilityOut?: string;
}

/** What was written. */
export interface LabelResult {
  readonly image: string;
  readonly category: string;
  readonly defect?: string;
  readonly width: number;
  readonly height: number;
  readonly clicks: readonly Click[];
  readonly mask: string;
  readonly probability?: string;
  /** Defect pixels, and their share of the picture. */
  readonly pixels: number;
  readonly share: number;
  /** What somebody should know of the picture: pages that were not looked at, samples of another kind or beyond the window. */
  readonly notes?: readonly string[];
  readonly weights: string;
  /** Time until the picture was ready for clicks, and for the clicks. */
  readonly milliseconds: { readonly ready: number; readonly clicks: number };
}

/** Pixels whose probability exceeds the threshold. */
export function maskOf({ data, width, height }: Plane, threshold: number): Mask {
  return { data: Uint8Array.from(data, (value) => (value > threshold ? 1 : 0)), width, height, channels: 1 };
}

function outputs({ picture, out, probabilityOut }: LabelRequest): string {
  const mask = out ?? `${basename(picture, extname(picture))}_mask.png`;
  const paths = [picture, mask, ...(probabilityOut ? [probabilityOut] : [])].map((path) => resolve(path));
  if (new Set(paths).size < paths.length)
    throw fail('ADC_USAGE', { what: 'picture, --out and --prob must be different files', command: 'adclick label' });
  return mask;
}

/** Labels a picture and writes its mask. @throws what reading, indexing, the labeler and writing throw. */
export async function labelPicture(request: LabelRequest, options: NotedOptions = {}): Promise<LabelResult> {
  const { picture, clicks, defect, probabilityOut } = request;
  const mask = outputs(request);
  const project = await openProject(request.project);
  const category = categoryOf(project, picture, request.category);
  const { defects } = category.settings;
  if (defect !== undefined && defects.length > 0) {
    const known = await typesInUse(project.root, defects);
    if (!known.includes(defect)) {
      const what = `--defect ${defect} is none of ${known.join(', ')}`;
      throw fail('ADC_USAGE', { what, command: 'adclick label' });
    }
  }
  const weights = resolveWeights(request.weights ?? project.settings.weights, project.root);
  const image = await readImage(picture);
  const runtime = await Runtime.start();
  try {
    const index = await openCurrentIndex(project, category, { ...options, runtime });
    const prompts = new PromptService(project);
    const labeler = await Labeler.load({
      index,
      weights,
      runtime,
      prompts: (type) => prompts.guiding(category.name, type),
    });
    const opened = performance.now();
    const view = await labeler.open(image, { exclude: [picture] });
    const ready = performance.now();
    const notes = pictureNotes(image, index.windows);
    for (const text of notes) options.note?.(`${picture} ${text}.`);
    const threshold = project.settings.thresholds.mask;
    const probability = await view.predict({ clicks, defect, threshold });
    const done = performance.now();
    options.signal?.throwIfAborted();
    const label = maskOf(probability, threshold);
    await writeMask(mask, label);
    if (probabilityOut) await writeProbability(probabilityOut, probability);
    const pixels = label.data.reduce((sum, value) => sum + value, 0);
    return {
      image: picture,
      category: category.name,
      ...(defect === undefined ? {} : { defect }),
      width: image.width,
      height: image.height,
      clicks,
      mask: resolve(mask),
      ...(probabilityOut ? { probability: resolve(probabilityOut) } : {}),
      pixels,
      share: pixels / label.data.length,
      ...(notes.length > 0 && { notes }),
      weights: labeler.weights.name,
      milliseconds: { ready: Math.round(ready - opened), clicks: Math.round(done - ready) },
    };
  } finally {
    await runtime.close();
  }
}
