/** The models of a project's categories, and the pictures that are open in them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import {
  type Detector,
  decodeImage,
  encodePng,
  encodeRle,
  Labeler,
  Lanes,
  type Plane,
  type ReferenceIndex,
  type Residual,
  type RgbImage,
  type Rle,
  residualNorm,
  toRgb,
  type View,
  writeFileAtomic,
} from '@adclick/core';
import { Runtime } from '@adclick/ortgrad';
import type { DetectAnswer } from '../../api.ts';
import { fail } from '../../errors.ts';
import { emptyRle } from '../../labels/bitmaps.ts';
import type { WorkOptions } from '../../progress.ts';
import { CACHE_FOLDER } from '../../project.ts';
import { openDetector, trainedDetector } from '../detectors.ts';
import { indexCategory, openCurrentIndex } from '../indexing.ts';
import { resolveWeights } from '../models.ts';
import { writtenRegions } from '../predicting.ts';
import { categoriesOf, indexFolder } from '../projects.ts';
import { PromptService } from '../prompts/prompts.ts';
import type { Calls, EngineSettings, ModelPicture, Prepared } from './protocol.ts';

/** Pictures kept open, where an eighth of the memory holds them: one of 512 px takes about 20 MB. */
const OPEN_VIEWS = Math.max(4, Math.min(32, Math.floor(totalmem() / 8 / 20e6)));
/** Changes when what is prepared changes its meaning, so that old files are not served. */
const PREPARED_FORMAT = 1;
/** Places whose residual makes the score. */
const SCORED_PLACES = 10;
const EMBEDDING_DIMS = 32;
/** Probability from where on the model considers a pixel. */
const CONSIDERED = 0.05;
/** Grey levels a unit of residual in the heat map: 255 is 8 times what good pictures show. */
const HEAT_SCALE = 32;

/** Folder of what was prepared. */
export const preparedFolder = (root: string): string => join(root, CACHE_FOLDER, 'prepared');

interface Loaded {
  readonly index: ReferenceIndex;
  readonly labeler: Labeler;
  readonly key: string;
}

interface OpenedDetector {
  /** Time of the trained file, 0 where there is none: a newer one replaces what is open. */
  readonly modified: number;
  readonly detector: Promise<Detector>;
}

interface Open {
  readonly view: View;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the file. */
  readonly hash: string;
  /** The last prediction, so that another threshold costs nothing. */
  last?: { readonly asked: string; readonly plane: Plane };
}

const maskOf = ({ data, width, height }: Plane, threshold: number): Rle => {
  const mask = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) mask[i] = (data[i] as number) > threshold ? 1 : 0;
  return encodeRle(mask, width, height);
};

/** Mean of 4p(1-p) over the pixels that the model considers. */
function uncertaintyOf({ data }: Plane): number {
  let sum = 0;
  let considered = 0;
  for (const p of data) {
    if (p <= CONSIDERED) continue;
    sum += 4 * p * (1 - p);
    considered++;
  }
  return considered === 0 ? 0 : sum / considered;
}

/** Mean token, folded into a few dimensions with fixed signs, of length 1. */
function embeddingOf({ tokens, dims, height, width }: Residual): number[] {
  const mean = new Float64Array(dims);
  for (let cell = 0; cell < height * width; cell++)
    for (let d = 0; d < dims; d++) mean[d] = (mean[d] as number) + (tokens[cell * dims + d] as number);
  const folded = new Array<number>(EMBEDDING_DIMS).fill(0);
  for (let d = 0; d < dims; d++) {
    const at = d % EMBEDDING_DIMS;
    const sign = Math.floor(d / EMBEDDING_DIMS) % 2 === 0 ? 1 : -1;
    folded[at] = (folded[at] as number) + sign * (mean[d] as number);
  }
  const length = Math.hypot(...folded) || 1;
  return folded.map((value) => Number((value / length).toFixed(5)));
}

function scoreOf({ data }: Plane): number {
  const most = Float32Array.from(data).sort().slice(-SCORED_PLACES);
  return most.reduce((sum, value) => sum + value, 0) / most.length;
}

export class Models {
  private lanes: Promise<Lanes> | undefined;
  private readonly categories = new Map<string, Promise<Loaded>>();
  private readonly detectors = new Map<string, OpenedDetector>();
  private readonly views = new Map<string, Promise<Open>>();

  private readonly prompts: PromptService;

  constructor(private readonly settings: EngineSettings) {
    this.prompts = new PromptService(settings.project);
  }

  /**
   * Opens a category's index; builds or updates it first where it has to.
   * @param exclusive runs something while no picture is being looked at. @throws what indexing throws.
   */
  async openCategory(
    name: string,
    rebuild: boolean,
    work: WorkOptions,
    exclusive: (swap: () => Promise<void>) => Promise<void>,
  ): Promise<{ key: string; pictures: number }> {
    const known = this.categories.get(name);
    if (known && rebuild) {
      const { main: runtime } = await this.start();
      await indexCategory(this.settings.project, this.category(name), { ...work, runtime });
      await exclusive(async () => {
        await this.forget(name);
        await this.load(name, work);
      });
    }
    const { key, index } = await (this.categories.get(name) ?? this.load(name, work));
    return { key, pictures: index.names.length };
  }

  private category = (name: string) => categoriesOf(this.settings.project, name)[0]!;

  private start(): Promise<Lanes> {
    const { threads } = this.settings;
    this.lanes ??= Runtime.start(threads === undefined ? {} : { threads }).then((main) => new Lanes(main, threads));
    return this.lanes;
  }

  private load(name: string, work: WorkOptions): Promise<Loaded> {
    const loading = this.read(name, work);
    this.categories.set(name, loading);
    loading.catch(() => this.categories.delete(name));
    return loading;
  }

  private async read(name: string, work: WorkOptions): Promise<Loaded> {
    const { project } = this.settings;
    const lanes = await this.start();
    const { main: runtime } = lanes;
    const category = this.category(name);
    const folder = indexFolder(project, category);
    if (!existsSync(folder)) await indexCategory(project, category, { ...work, runtime });
    const index = await openCurrentIndex(project, category, { ...work, runtime });
    const weights = resolveWeights(project.settings.weights, project.root);
    const prompts = (type: string) => this.prompts.guiding(name, type);
    const labeler = await Labeler.load({ index, weights, lanes, prompts });
    const hash = createHash('sha256')
      .update(await readFile(weights))
      .update(await readFile(`${folder}.json`));
    const settings = JSON.stringify([PREPARED_FORMAT, name, project.settings.pixels, project.settings.thresholds.mask]);
    return { index, labeler, key: hash.update(settings).digest('hex').slice(0, 16) };
  }

  private async forget(name: string): Promise<void> {
    await this.forgetDetector(name);
    const loaded = await this.categories.get(name)?.catch(() => undefined);
    this.categories.delete(name);
    this.views.clear();
    await loaded?.labeler.close();
    await loaded?.index.close();
  }

  /** @throws ADC_INDEX_MISSING when the category is not open. */
  private async loaded(name: string): Promise<Loaded> {
    const loaded = this.categories.get(name);
    if (!loaded) throw fail('ADC_INDEX_MISSING', { path: name });
    return loaded;
  }

  private async open(picture: ModelPicture): Promise<Open> {
    const key = `${picture.category}\n${picture.path}\n${picture.bytes}\n${picture.modified}`;
    const known = this.views.get(key);
    // Last used, last in line to be dropped.
    this.views.delete(key);
    const open = known ?? this.look(picture);
    this.views.set(key, open);
    open.catch(() => this.views.delete(key));
    for (const old of this.views.keys()) {
      if (this.views.size <= OPEN_VIEWS) break;
      this.views.delete(old);
    }
    return open;
  }

  private async look(picture: ModelPicture): Promise<Open> {
    const { labeler } = await this.loaded(picture.category);
    const { image, hash } = await readPicture(picture.path);
    const view = await labeler.open(image, { exclude: [picture.path] });
    return { view, hash, width: image.width, height: image.height };
  }

  /** Makes a picture ready for clicks. */
  async warm(picture: ModelPicture): Promise<void> {
    await this.open(picture);
  }

  /** The mask after some clicks. @throws ADC_IMAGE_…, ADC_CLICK_OUTSIDE when the file has become smaller. */
  async predict({ picture, clicks, threshold, defect }: Calls['predict']['request']): Promise<Rle> {
    const open = await this.open(picture);
    if (clicks.length === 0) return emptyRle(open.width, open.height);
    const key = JSON.stringify([clicks, defect]);
    if (open.last?.asked !== key) open.last = { asked: key, plane: await open.view.predict({ clicks, defect }) };
    return maskOf(open.last.plane, threshold);
  }

  /** What the model sees unasked, from disk where it is there. */
  async prepare(picture: ModelPicture): Promise<Prepared> {
    const { project } = this.settings;
    const { key: category } = await this.loaded(picture.category);
    const { view, hash } = await this.open(picture);
    const key = `${category}/${hash}`;
    const path = join(preparedFolder(project.root), key);
    const stored = await readPrepared(project.root, key);
    if (stored && existsSync(`${path}.png`)) return stored;
    const plane = await view.predict({ clicks: [] });
    const norm = residualNorm(view.residual, view.residual.calibration);
    const heat = Uint8Array.from(norm.data, (value) => Math.min(255, Math.round(value * HEAT_SCALE)));
    const prepared: Prepared = {
      key,
      rle: maskOf(plane, project.settings.thresholds.mask),
      score: scoreOf(norm),
      uncertainty: uncertaintyOf(plane),
      embedding: embeddingOf(view.residual),
      neighbours: view.residual.neighbours.map(({ name, path }) => ({ name, path: path ?? null })),
    };
    await writeFileAtomic(`${path}.png`, await encodePng({ ...norm, data: heat }));
    await writeFileAtomic(`${path}.json`, new TextEncoder().encode(JSON.stringify(prepared)));
    return prepared;
  }

  private async forgetDetector(name: string): Promise<void> {
    const opened = this.detectors.get(name);
    this.detectors.delete(name);
    await (await opened?.detector.catch(() => undefined))?.close();
  }

  private async detector(name: string): Promise<Detector> {
    const { project } = this.settings;
    const trained = await stat(trainedDetector(project.root, name)).catch(() => undefined);
    const modified = trained?.mtimeMs ?? 0;
    const known = this.detectors.get(name);
    if (known?.modified === modified) return known.detector;
    if (known) await this.forgetDetector(name);
    const detector = openDetector(project, this.category(name), (await this.start()).main);
    this.detectors.set(name, { modified, detector });
    detector.catch(() => this.detectors.delete(name));
    return detector;
  }

  /** @throws ADC_IMAGE_... for bytes that are no picture, ADC_DETECTOR_..., and what indexing throws. */
  async detect(category: string, bytes: Uint8Array, withMap: boolean): Promise<DetectAnswer> {
    const image = toRgb(await decodeImage(bytes, { path: 'sent' }));
    const detector = await this.detector(category);
    const start = performance.now();
    const { score, isDefect, map, regions } = await detector.detect(image);
    const ms = Math.round(performance.now() - start);
    const { width, height } = image;
    const grey = { ...map, data: Uint16Array.from(map.data, (value) => Math.round(value * 65535)) };
    return {
      category,
      detector: detector.card.name,
      width,
      height,
      score,
      isDefect,
      regions: writtenRegions(regions),
      map: withMap ? Buffer.from(await encodePng(grey)).toString('base64') : null,
      ms,
    };
  }

  async close(): Promise<void> {
    for (const name of [...this.detectors.keys()]) await this.forgetDetector(name);
    for (const name of [...this.categories.keys()]) await this.forget(name);
    const lanes = await this.lanes;
    await lanes?.close();
    await lanes?.main.close();
  }
}

async function readPicture(path: string): Promise<{ image: RgbImage; hash: string }> {
  const bytes = await readFile(path).catch((error) => {
    throw fail('ADC_IMAGE_MISSING', { path }, error);
  });
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  return { image: toRgb(await decodeImage(bytes, { path })), hash };
}

/** What was prepared under a key; undefined when it is not there or cut off. */
export async function readPrepared(root: string, key: string): Promise<Prepared | undefined> {
  try {
    return JSON.parse(await readFile(join(preparedFolder(root), `${key}.json`), 'utf8')) as Prepared;
  } catch {
    // Made again when it is needed.
    return undefined;
  }
}
