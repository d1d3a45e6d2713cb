/** The models of a project's categories, and the pictures that are open in them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import {
  type Detector,
  DriftWatch,
  Labeler,
  Lanes,
  type Plane,
  type Prediction,
  type ReferenceIndex,
  type Residual,
  type View,
  type Windows,
} from '@adclick/core';
import { writeFileAtomic } from '@adclick/core/files';
import type { Rle } from '@adclick/core/geometry';
import { type DecodedImage, decodeImage, encodePng, pictureNotes, resizePlane } from '@adclick/core/image';
import { giveBack, keptPromise, Once, Runtime } from '@adclick/ortgrad';
import type { DetectAnswer, DetectorChoice, ImageDetection } from '../api.ts';
import { fail } from '../errors.ts';
import { emptyRle } from '../history/bitmaps.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { passOver } from '../log.ts';
import { type Category, categoriesOf, indexFolder } from '../project/categories.ts';
import { fileStamp, previousDetector, stampOf, trainedDetector } from '../project/detector-files.ts';
import { resolveWeights } from '../project/model-files.ts';
import type { Project } from '../project/project.ts';
import { type CandidateParts, candidateParts, NO_CANDIDATES } from './candidates.ts';
import { indexCategory, openCurrentIndex } from './indexing.ts';
import { categoryKey, preparedFolder, readPrepared } from './prepared.ts';
import { normOf, runsAbove, type Sight, sightOfClicks, sightOfDetector } from './proposals.ts';
import {
  type Calls,
  closedEngine,
  type EngineSettings,
  type ModelPicture,
  type Opening,
  type Prepared,
} from './protocol.ts';
import { driftText, writtenRegions } from './written.ts';

/** Bytes that an open picture takes for each pixel of the model grid: about 20 MB at 512 × 512. */
const VIEW_BYTES_A_PIXEL = 76;
/** Pictures kept open, where an eighth of the memory holds them. */
const openViews = ({ width, height }: ReferenceIndex['grid']) =>
  Math.max(4, Math.min(32, Math.floor(totalmem() / 8 / (VIEW_BYTES_A_PIXEL * width * height))));
/** Predictions of a picture whose candidates are kept, so that the first steps of undo offer theirs again. */
const KEPT_CANDIDATES = 4;
/** Changes when what is prepared changes its meaning, so that old files are not served. */
const PREPARED_FORMAT = 3;
const EMBEDDING_DIMS = 32;
/** Grey levels a unit of the residual's norm in the heat map: few places of a defect reach 1.6. */
const HEAT_SCALE = 128;
/** Pixels of the longer side of a map that is sent to the page. */
const MAP_SIDE = 1024;

const CHOICES: readonly DetectorChoice[] = ['newest', 'previous', 'residual'];
const placeOf = (category: string, by: DetectorChoice) => `${by} ${category}`;
const viewOf = ({ category, path, bytes, modified }: ModelPicture) => `${category}\n${path}\n${bytes}\n${modified}`;
/** What tells one prediction of a picture from another. */
const askedBy = ({ clicks, defect, threshold }: Calls['predict']['request']) =>
  JSON.stringify([clicks, defect, threshold]);

interface PlacedDetector {
  readonly detector: Detector;
  readonly path: string;
}

/** Where the models of a category come from beyond its index: rooms that know more of a project than this one. */
export interface ModelSources {
  /** @throws ADC_NOT_FOUND when there is no detector of that choice, ADC_DETECTOR_…, and what indexing throws. */
  detector(project: Project, category: Category, runtime: Runtime, by: DetectorChoice): Promise<PlacedDetector>;
  /** Phrases that guide the click network to a defect type; none is well. */
  prompts(project: Project): (category: string, type: string) => Promise<readonly string[]>;
}

interface Loaded {
  readonly index: ReferenceIndex;
  readonly labeler: Labeler;
  /** Stands for index, weights and settings. */
  readonly base: string;
}

interface OpenedDetector {
  /** Of the file, undefined where there is none, and for one of good pictures alone until it is open: another one replaces what is open. */
  stamp: string | undefined;
  readonly placed: Promise<PlacedDetector>;
  /** Work that has not ended. */
  readonly uses: Set<Promise<unknown>>;
  /** What it was shown last; there once it is open. */
  watch: DriftWatch | undefined;
}

interface Open {
  readonly view: View;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the file. */
  readonly hash: string;
  readonly facts: Pick<Prepared, 'seen' | 'notes'>;
  /** The last prediction, so that asking again costs nothing. */
  last?: { readonly asked: string; readonly prediction: Prediction };
  /** What the last predictions left out, by what was asked, oldest first. Their maps are not kept, since those are large. */
  readonly candidates: Map<string, Prediction['candidates']>;
}

/** Mean token, folded into a few dimensions with fixed signs, of length 1. */
function embeddingOf({ tokens, dims, height, width }: Residual): number[] {
  const mean = new Float64Array(dims);
  for (let cell = 0; cell < height * width; cell++)
    for (let d = 0; d < dims; d++) mean[d] = mean[d] + tokens[cell * dims + d];
  const folded = new Array<number>(EMBEDDING_DIMS).fill(0);
  for (let d = 0; d < dims; d++) {
    const at = d % EMBEDDING_DIMS;
    const sign = Math.floor(d / EMBEDDING_DIMS) % 2 === 0 ? 1 : -1;
    folded[at] = folded[at] + sign * mean[d];
  }
  const length = Math.hypot(...folded) || 1;
  return folded.map((value) => Number((value / length).toFixed(5)));
}

export class OpenModels {
  private readonly lanes = new Once(async () => {
    const { threads } = this.settings;
    return new Lanes(await Runtime.start(threads === undefined ? {} : { threads }), threads);
  });
  private readonly categories = new Map<string, Promise<Loaded>>();
  private readonly detectors = new Map<string, OpenedDetector>();
  private readonly views = new Map<string, Promise<Open>>();
  /** Name of the type that a category was last clicked with. */
  private readonly lastDefect = new Map<string, string>();

  private readonly prompts: ReturnType<ModelSources['prompts']>;
  private stopped = false;

  constructor(
    private readonly settings: EngineSettings,
    private readonly sources: ModelSources,
  ) {
    this.prompts = sources.prompts(settings.project);
  }

  /**
   * Opens a category's index; builds or updates it first where it has to.
   * @param exclusive runs something while no picture is being looked at. @throws what indexing throws; what is open stays open then.
   */
  async openCategory(
    name: string,
    how: Opening,
    work: WorkOptions,
    exclusive: (swap: () => Promise<void>) => Promise<void>,
  ): Promise<{ key: string; pictures: number }> {
    if (how === 'rebuilt') {
      const { main: runtime } = await this.start();
      // Also where the category could not be opened: a damaged index is made whole by this.
      await indexCategory(this.settings.project, this.category(name), { ...work, runtime });
    }
    if (how !== 'kept') {
      const loaded = await this.read(name, work);
      await exclusive(() => this.swap(name, loaded));
    }
    const { base, index } = await this.load(name, work);
    const stamp = await fileStamp(trainedDetector(this.settings.project.root, name));
    return { key: categoryKey(base, stamp), pictures: index.names.length };
  }

  private category = (name: string) => categoriesOf(this.settings.project, name)[0];

  private async start(): Promise<Lanes> {
    if (this.stopped) throw closedEngine();
    return this.lanes.get();
  }

  private load(name: string, work: WorkOptions): Promise<Loaded> {
    return keptPromise(this.categories, name, () => this.read(name, work));
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
    const prompts = (type: string) => this.prompts(name, type);
    const labeler = await Labeler.load({ index, weights, lanes, prompts });
    const hash = createHash('sha256')
      .update(await readFile(weights))
      .update(await readFile(`${folder}.json`));
    const { thresholds } = project.settings;
    const settings = JSON.stringify([PREPARED_FORMAT, name, index.grid, thresholds.mask, index.windows]);
    return { index, labeler, base: hash.update(settings).digest('hex').slice(0, 16) };
  }

  /** Puts a category in the place of what is open, and closes that. */
  private async swap(name: string, loaded: Loaded): Promise<void> {
    const before = this.categories.get(name);
    // At once: whoever asks for the category while the one before is being closed would read it once more.
    this.categories.set(name, Promise.resolve(loaded));
    this.views.clear();
    for (const by of CHOICES) await this.closeDetector(placeOf(name, by));
    const old = await before?.catch(passOver('category was not open'));
    await old?.labeler.close();
    await old?.index.close();
  }

  /** @throws ADC_INDEX_MISSING when the category is not open. */
  private async loaded(name: string): Promise<Loaded> {
    const loaded = this.categories.get(name);
    if (!loaded) throw fail('ADC_INDEX_MISSING', { path: name });
    return loaded;
  }

  private async open(picture: ModelPicture): Promise<Open> {
    const key = viewOf(picture);
    const { index } = await this.loaded(picture.category);
    const open = keptPromise(this.views, key, () => this.look(picture));
    // Last used, last in line to be dropped.
    this.views.delete(key);
    this.views.set(key, open);
    for (const old of this.views.keys()) {
      if (this.views.size <= openViews(index.grid)) break;
      this.views.delete(old);
    }
    return open;
  }

  private async look(picture: ModelPicture): Promise<Open> {
    const { labeler } = await this.loaded(picture.category);
    const { image, hash } = await readPicture(picture.path);
    const view = await labeler.open(image, { exclude: [picture.path] });
    const { width, height } = image;
    return { view, hash, width, height, facts: factsOf(image, labeler.windows), candidates: new Map() };
  }

  /** Makes a picture ready for clicks, of the type that its category was last clicked with. */
  async warm(picture: ModelPicture): Promise<void> {
    const { view } = await this.open(picture);
    await this.listen(picture.category, view);
  }

  private async listen(category: string, view: View): Promise<void> {
    const defect = this.lastDefect.get(category) ?? this.category(category).settings.defects[0];
    if (defect !== undefined) await view.listen(defect);
  }

  /** The mask after some clicks. @throws ADC_IMAGE_…, ADC_CLICK_OUTSIDE when the file has become smaller. */
  async predict(request: Calls['predict']['request']): Promise<Rle> {
    const { picture, clicks, threshold, defect } = request;
    const open = await this.open(picture);
    if (clicks.length === 0) return emptyRle(open.width, open.height);
    if (defect !== undefined) this.lastDefect.set(picture.category, defect);
    const asked = askedBy(request);
    if (open.last?.asked !== asked) {
      const prediction = await open.view.predict({ clicks, defect, threshold });
      if (open.last) giveBack(open.last.prediction.data);
      open.last = { asked, prediction };
      open.candidates.delete(asked);
      open.candidates.set(asked, prediction.candidates);
      const [oldest] = open.candidates.keys();
      if (open.candidates.size > KEPT_CANDIDATES) open.candidates.delete(oldest);
    }
    return runsAbove(open.last.prediction, threshold);
  }

  /** What might belong to the mask of {@link predict} too, where that is kept. Predicts nothing: the next click would wait for it. */
  async candidates(request: Calls['candidates']['request']): Promise<CandidateParts> {
    const open = await this.views.get(viewOf(request.picture));
    const plane = open?.candidates.get(askedBy(request))?.();
    return plane ? candidateParts(plane, request.threshold, request.marked) : NO_CANDIDATES;
  }

  /**
   * What the model sees unasked, from disk where it is there: a trained detector, or the click network where there is none. The picture is
   * ready for clicks then, as after {@link warm}: of those who open the first ones at once, all would wait while the text model is loaded.
   */
  async prepare(picture: ModelPicture): Promise<Prepared> {
    const open = await this.open(picture);
    const prepared = await this.sight(picture, open);
    await this.listen(picture.category, open.view);
    return prepared;
  }

  private async sight(picture: ModelPicture, open: Open): Promise<Prepared> {
    const { base } = await this.loaded(picture.category);
    const { view, hash } = open;
    const norm = normOf(view);
    if (!this.hasTrained(picture.category)) {
      const { mask } = this.settings.project.settings.thresholds;
      return this.kept(`${base}/${hash}`, open, norm, () => sightOfClicks(view, norm, mask));
    }
    return this.withDetector(picture.category, 'newest', (detector) =>
      this.kept(`${categoryKey(base, stampOf(detector.model))}/${hash}`, open, norm, async () =>
        sightOfDetector(detector.card, await detector.detect((await readPicture(picture.path)).image)),
      ),
    );
  }

  /** What is kept under a key; made where it is not there. */
  private async kept(key: string, open: Open, norm: Plane, look: () => Promise<Sight>): Promise<Prepared> {
    const { view, facts } = open;
    const { root } = this.settings.project;
    const path = join(preparedFolder(root), key);
    const stored = await readPrepared(root, key);
    if (stored && existsSync(`${path}.png`)) return stored;
    const sight = await look();
    const heat = Uint8Array.from(norm.data, (value) => Math.min(255, Math.round(value * HEAT_SCALE)));
    const prepared: Prepared = {
      key,
      ...sight,
      ...facts,
      embedding: embeddingOf(view.residual),
      neighbours: view.residual.neighbours.map(({ name, path }) => ({ name, path: path ?? null })),
    };
    await writeFileAtomic(`${path}.png`, await encodePng({ ...norm, data: heat }));
    await writeFileAtomic(`${path}.json`, new TextEncoder().encode(JSON.stringify(prepared)));
    return prepared;
  }

  /** Closes a detector once nobody uses it any more. */
  private async closeDetector(place: string): Promise<void> {
    const opened = this.detectors.get(place);
    this.detectors.delete(place);
    if (!opened) return;
    await Promise.allSettled(opened.uses);
    const placed = await opened.placed.catch(passOver('detector was not open'));
    // With its runtime it is gone as well.
    await placed?.detector.close().catch(passOver('detector not closed'));
  }

  /** Works with one of a category's detectors, as its file is at this moment. */
  private async withDetector<T>(
    name: string,
    by: DetectorChoice,
    work: (detector: Detector, watch: DriftWatch) => Promise<T>,
  ): Promise<T> {
    const { project } = this.settings;
    const { main: runtime } = await this.start();
    const place = placeOf(name, by);
    const stamp = await this.stampNow(name, by);
    // Nothing is waited for between looking and putting: two who come at once must not open it twice.
    if (this.detectors.get(place)?.stamp !== stamp) void this.closeDetector(place);
    const opened = this.detectors.get(place) ?? {
      stamp,
      placed: this.sources.detector(project, this.category(name), runtime, by),
      uses: new Set<Promise<unknown>>(),
      watch: undefined,
    };
    this.detectors.set(place, opened);
    const use = opened.placed.then(({ detector }) => {
      if (by === 'residual') opened.stamp = stampOf(detector.model);
      opened.watch ??= new DriftWatch(detector.card);
      return work(detector, opened.watch);
    });
    opened.uses.add(use);
    try {
      return await use;
    } catch (error) {
      // One that cannot be opened is tried again by whoever asks next.
      const unopened = await opened.placed.then(
        () => false,
        () => true,
      );
      if (unopened && this.detectors.get(place) === opened) this.detectors.delete(place);
      throw error;
    } finally {
      opened.uses.delete(use);
    }
  }

  /** The stamp of a detector's file. Where one of good pictures alone lies is known once it is open. */
  private async stampNow(name: string, by: DetectorChoice): Promise<string | undefined> {
    const { root } = this.settings.project;
    if (by === 'newest') return fileStamp(trainedDetector(root, name));
    if (by === 'previous') return fileStamp(previousDetector(root, name));
    const placed = await this.detectors.get(placeOf(name, by))?.placed.catch(passOver('detector was not open'));
    return placed && fileStamp(placed.path);
  }

  private hasTrained(name: string): boolean {
    return existsSync(trainedDetector(this.settings.project.root, name));
  }

  /** @throws ADC_IMAGE_... for bytes that are no picture, ADC_DETECTOR_..., and what indexing throws. */
  async detect(category: string, bytes: Uint8Array, withMap: boolean): Promise<DetectAnswer> {
    const image = await decodeImage(bytes, { path: 'sent' });
    const sent = createHash('sha256').update(bytes).digest('hex');
    return this.withDetector(category, this.hasTrained(category) ? 'newest' : 'residual', async (detector, watch) => {
      const { answer, map } = await lookWith(detector, watch, category, { name: sent, image });
      const grey = { ...map, data: Uint16Array.from(map.data, (value) => Math.round(value * 65535)) };
      return { ...answer, map: withMap ? Buffer.from(await encodePng(grey)).toString('base64') : null };
    });
  }

  /** What one of a category's detectors finds in a picture of the queue. @throws ADC_IMAGE_…, ADC_NOT_FOUND, ADC_DETECTOR_… */
  async inspect({ category, path }: ModelPicture, by: DetectorChoice): Promise<ImageDetection> {
    const { image } = await readPicture(path);
    return this.withDetector(category, by, async (detector, watch) => {
      const { answer, map } = await lookWith(detector, watch, category, { name: path, image }, 'page');
      const scale = Math.min(1, MAP_SIDE / Math.max(map.width, map.height));
      const small = resizePlane(map, Math.ceil(map.width * scale), Math.ceil(map.height * scale));
      const grey = { ...small, data: Uint8Array.from(small.data, (value) => Math.round(value * 255)) };
      const { thresholds, map: made } = detector.card;
      return {
        ...answer,
        ...{ by, from: made.from, thresholds: { score: thresholds.score, map: thresholds.map } },
        map: Buffer.from(await encodePng(grey)).toString('base64'),
      };
    });
  }

  /** Ends the models as soon as what runs allows; what waits for them is refused. */
  async stop(): Promise<void> {
    this.stopped = true;
    await (await this.lanes.ifMade())?.stop();
  }
}

/** What the page says of a picture beside what is in it. */
function factsOf(image: DecodedImage, windows: Windows | undefined): Open['facts'] {
  const { type, range } = image;
  const seen = type === 'uint8' ? null : { type, ...(windows?.[type] ?? range) };
  return { seen, notes: pictureNotes(image, windows) };
}

/** What a detector finds: what is sent of it, and its map. */
async function lookWith(
  detector: Detector,
  watch: DriftWatch,
  category: string,
  { name, image }: { readonly name: string; readonly image: DecodedImage },
  told: 'line' | 'page' = 'line',
) {
  const start = performance.now();
  const detection = await detector.detect(image);
  const { score, isDefect, map, regions } = detection;
  const drift = watch.add(name, detection);
  const ms = Math.round(performance.now() - start);
  const { width, height } = image;
  const notes = pictureNotes(image, detector.card.windows);
  const differs = drift ? driftText(drift, told) : null;
  const found = { score, isDefect, regions: writtenRegions(regions), notes, differs };
  return { answer: { category, detector: detector.card.name, width, height, ...found, ms }, map };
}

async function readPicture(path: string): Promise<{ image: DecodedImage; hash: string }> {
  const bytes = await readFile(path).catch((error) => {
    throw fail('ADC_IMAGE_MISSING', { path }, error);
  });
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  return { image: await decodeImage(bytes, { path }), hash };
}
