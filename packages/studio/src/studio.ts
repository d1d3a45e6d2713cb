/** A project that is open for labelling: everything the server offers, without HTTP. */
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { isInside } from '@adclick/core';
import type { CodedError } from '@adclick/ortgrad';
import {
  counted,
  type DefectType,
  type DetectAnswer,
  type DetectorChoice,
  type ImageDetection,
  type Job,
  type JobRequest,
  type ProjectInfo,
} from './api.ts';
import { DetectorService } from './detectors/detector-service.ts';
import { adoptDetectors } from './detectors/old-detectors.ts';
import { type TrainWork, trainApart } from './detectors/training-apart.ts';
import { Engine } from './engine/engine.ts';
import { fail, toCoded } from './errors.ts';
import { Bus } from './jobs/bus.ts';
import { Jobs } from './jobs/jobs.ts';
import { LabelArchive } from './labels/archive.ts';
import { Contents } from './labels/content.ts';
import { EXCHANGE_JOBS, type ExchangeJobs } from './labels/exchange-jobs.ts';
import { LabelService, type Predictor } from './labels/label-service.ts';
import { passOver } from './log.ts';
import { pageLine } from './page-errors.ts';
import { categoriesOf } from './project/categories.ts';
import { type CategoryPictures, findGood, projectFinder } from './project/category-pictures.ts';
import { passedOverText } from './project/finding.ts';
import { tidyProject } from './project/leftovers.ts';
import type { Project } from './project/project.ts';
import { type ScanReport, scanProject } from './project/scan.ts';
import { PromptService } from './prompts/prompts.ts';
import { Categories } from './queue/open-categories.ts';
import { Pictures } from './queue/pictures.ts';
import { Preparation } from './queue/preparation.ts';
import { Queue } from './queue/queue.ts';
import type { ImageRecord } from './store/images.ts';
import { Store } from './store/store.ts';
import { VERSION } from './version.ts';

export interface StudioOptions {
  /** In place of the work of import and export; for tests of everything around it. */
  readonly exchange?: ExchangeJobs;
  /** Look at images in the background; default true. */
  readonly background?: boolean;
  /** In place of the engine's models; for tests of everything around them. */
  readonly predictor?: Predictor;
  /** In place of training in a process of its own; for tests of everything around it. */
  readonly train?: TrainWork;
  /** Told about failures of our own, which people at the page see without the inside. */
  readonly onFailure?: (error: CodedError) => void;
  /** Threads of one operator of the models; default: all the process may use. */
  readonly threads?: number;
}

/** Name of the type that projects without defect types get. */
const DEFAULT_TYPE = 'defect';

export class Studio {
  readonly bus = new Bus();
  readonly jobs: Jobs;
  readonly labels: LabelService;
  readonly contents: Contents;
  readonly archive: LabelArchive;
  readonly queue: Queue;
  readonly pictures: Pictures;
  readonly preparation: Preparation;
  readonly categories: Categories;
  readonly prompts: PromptService;
  readonly detectors: DetectorService;
  /** Models in one thread, pictures in another, so that thumbnails do not wait for masks nor masks for thumbnails. */
  private readonly engine: Engine;
  private readonly painter: Engine;
  private readonly options: StudioOptions;
  /** Good pictures by category, as of the last look. */
  private normals: ReadonlyMap<string, CategoryPictures> = new Map();
  private scanned: ScanReport | undefined;

  private constructor(
    readonly project: Project,
    readonly store: Store,
    options: StudioOptions,
  ) {
    const { images, types } = store;
    this.options = options;
    const { threads, onFailure = () => undefined } = options;
    this.engine = new Engine({ project, ...(threads === undefined ? {} : { threads }) }, () => this.categories.reset());
    this.painter = new Engine({ project });
    const { root } = project;
    this.jobs = new Jobs(this.bus, { line: (error) => pageLine(error, root), note: onFailure });
    this.categories = new Categories(project, this.engine, images, this.jobs);
    this.prompts = new PromptService(project, undefined, (declared) => types.inUse(declared));
    this.detectors = new DetectorService(project, images, this.categories, this.jobs, options.train ?? trainApart);
    this.preparation = new Preparation(project, images, this.engine, this.categories, this.jobs, this.bus);
    this.pictures = new Pictures(project, this.painter, this.preparation);
    const predictor = options.predictor ?? this.models();
    const { mask } = project.settings.thresholds;
    this.contents = new Contents(root);
    this.labels = new LabelService(images, store.labels, types, predictor, this.bus, mask, ({ path }, before) =>
      this.contents.now(path, before),
    );
    this.archive = new LabelArchive(project, store, this.labels, this.bus);
    this.queue = new Queue(images, this.labels, this.preparation);
    // Clicks that found no model get their masks first.
    this.categories.onOpen((name) => this.resume(name));
    if (options.background ?? true) this.categories.onOpen((name) => this.preparation.start(name));
  }

  /**
   * Opens a project for labelling: its database, the pictures on disk, and, in the background, its indexes.
   * @throws ADC_DATABASE.
   */
  static async open(project: Project, options: StudioOptions = {}): Promise<Studio> {
    await tidyProject(project.root);
    const studio = new Studio(project, await Store.open(project.root), options);
    try {
      await studio.prepareLists();
    } catch (error) {
      await studio.close();
      throw error;
    }
    // A failure is shown by its job; work that needs the category meets it again.
    if (options.background ?? true)
      for (const { name } of categoriesOf(project))
        studio.categories.open(name).catch(passOver('category not open', { name }));
    return studio;
  }

  private async prepareLists(): Promise<void> {
    const { project, store } = this;
    await adoptDetectors(project);
    await this.scan();
    const names = categoriesOf(project).flatMap(({ settings }) => settings.defects);
    await store.types.declare(names);
    if ((await store.types.list()).length === 0) await store.types.ensure([DEFAULT_TYPE]);
  }

  private resume(category: string): void {
    const { onFailure = () => undefined } = this.options;
    this.labels.resume(category).catch((error) => onFailure(toCoded(error)));
  }

  private models(): Predictor {
    return {
      check: (image) => this.categories.check(image.category),
      predict: async (image, asked) => {
        await this.categories.open(image.category);
        this.preparation.touch();
        const picture = this.preparation.picture(image);
        return (await this.engine.call('predict', { picture, ...asked })).rle;
      },
      proposal: async (image) => (await this.preparation.prepare(image, true)).rle,
    };
  }

  /** Brings the list of images in step with the disk. */
  async scan(): Promise<ScanReport> {
    this.normals = await this.findNormals();
    this.scanned = await scanProject(this.project, this.store.images);
    return this.scanned;
  }

  /** What the last look at the folders left out, in sentences. Paths are relative to the project. */
  passedOver(): string[] {
    if (!this.scanned) return [];
    const { unreadable, passedOver } = this.scanned;
    const broken = unreadable.map(
      (path) => ({ path: resolve(this.project.root, path), why: 'unreadable', files: 1 }) as const,
    );
    const { root } = this.project;
    // Where nothing is named to be looked at, the good pictures are the queue.
    const apart = categoriesOf(this.project).filter(({ settings }) => settings.test.length > 0);
    const good = apart.flatMap(({ name }) => this.normals.get(name)?.passedOver ?? []);
    const texts = [passedOverText([...passedOver, ...broken], root), passedOverText(good, root)];
    return texts.flatMap((text, i) => (text === undefined ? [] : [i === 0 ? text : `Good pictures: ${text}`]));
  }

  /**
   * What the detector of a category finds in a picture that is not one of the project's.
   * @param category may be left out where there is only one. @param bytes of an image file. @param map whether the map is wanted.
   * @throws ADC_REQUEST, ADC_NOT_FOUND, ADC_IMAGE_…, ADC_DETECTOR_…
   */
  async detect(category: string | undefined, bytes: Uint8Array, map: boolean): Promise<DetectAnswer> {
    const names = categoriesOf(this.project).map(({ name }) => name);
    if (category !== undefined && !names.includes(category))
      throw fail('ADC_NOT_FOUND', { what: `category ${category}` });
    const name = category ?? (names.length === 1 ? names[0] : undefined);
    if (name === undefined)
      throw fail('ADC_REQUEST', { field: 'category', what: `must be one of ${names.join(', ')}` });
    return this.engine.call('detect', { category: name, bytes, map });
  }

  /** What one of the detectors of its category finds in an image. @throws ADC_NOT_FOUND, ADC_IMAGE_…, ADC_DETECTOR_… */
  async inspect(id: number, by: DetectorChoice): Promise<ImageDetection> {
    this.preparation.touch();
    const image = await this.labels.image(id);
    return this.engine.call('inspect', { picture: this.preparation.picture(image), by });
  }

  /** `GET /project`. @param user whose name the page shows. */
  async info(user: string): Promise<ProjectInfo> {
    const [counts, types] = await Promise.all([this.store.images.counts(), this.store.types.list()]);
    const sum = (rows: typeof counts) => rows.reduce((total, { images }) => total + images, 0);
    const inState = (state: string) => sum(counts.filter((row) => row.state === state));
    return {
      id: this.store.id,
      name: basename(this.project.root),
      version: VERSION,
      user,
      categories: categoriesOf(this.project).map(({ name }) => ({
        name,
        images: sum(counts.filter(({ category }) => category === name)),
        normals: this.normals.get(name)?.pictures.length ?? 0,
        indexed: this.categories.isOpen(name),
      })),
      types,
      counts: { todo: inState('todo'), defect: inState('defect'), good: inState('good') },
      passedOver: this.passedOver(),
    };
  }

  private async findNormals(): Promise<Map<string, CategoryPictures>> {
    const { project } = this;
    const found = new Map<string, CategoryPictures>();
    for (const category of categoriesOf(project))
      found.set(category.name, await findGood(project, category, projectFinder(project, { missing: true })));
    return found;
  }

  /** @throws ADC_NAME_TAKEN. */
  async addType(name: string, colour: string): Promise<DefectType> {
    const type = await this.store.types.add(name, colour);
    if (!type) throw fail('ADC_NAME_TAKEN', { name });
    await this.tellTypes();
    return type;
  }

  /** @throws ADC_NOT_FOUND, ADC_NAME_TAKEN. */
  async changeType(id: number, patch: { name?: string; colour?: string; archived?: boolean }): Promise<DefectType> {
    const before = (await this.store.types.list()).find((known) => known.id === id);
    // A file of prompts that cannot be read is met before anything has changed.
    if (patch.name !== undefined) await this.prompts.list();
    const type = await this.store.types.change(id, patch);
    if (type === 'missing') throw fail('ADC_NOT_FOUND', { what: `defect type ${id}` });
    if (type === 'taken') throw fail('ADC_NAME_TAKEN', { name: patch.name ?? '' });
    if (before && before.name !== type.name) await this.prompts.rename(before.name, type.name);
    await this.tellTypes();
    return type;
  }

  private async tellTypes(): Promise<void> {
    this.bus.emit({ kind: 'types', types: await this.store.types.list() });
  }

  /** Starts a job. @throws ADC_NOT_FOUND for a category that the project does not have. */
  async startJob(request: JobRequest, user: string): Promise<Job> {
    if (request.kind === 'index') {
      await this.scan();
      return this.categories.rebuild(request.category);
    }
    if (request.kind === 'prompts') return this.startPrompts(request);
    const { kind, format, folder } = request;
    const work = (this.options.exchange ?? EXCHANGE_JOBS)[kind];
    const path = await this.folderInside(folder);
    return this.jobs.start(kind, `${kind === 'import' ? 'Import from' : 'Export to'} ${folder}`, (options) =>
      work(this.archive, { format, path, user }, options),
    );
  }

  private async startPrompts(request: Extract<JobRequest, { kind: 'prompts' }>): Promise<Job> {
    // What cannot be asked for is refused at once, not by a job that fails.
    const { category, type } = request;
    this.categories.expect(category);
    await this.prompts.list(category, type);
    const label = ['Prompts', ...(type ? [`of ${type}`] : []), ...(category ? [`for ${category}`] : [])].join(' ');
    return this.jobs.start('prompts', label, async (options) => {
      const { made, kept } = await this.prompts.generate(request, options);
      const phrases = made.reduce((sum, one) => sum + one.phrases, 0);
      return `${counted(phrases, 'prompt')} for ${counted(made.length, 'type')}${kept > 0 ? `; ${kept} had some already` : ''}.`;
    });
  }

  /** A folder that a request names. @throws ADC_OUTSIDE when it, or what a link in it stands for, is not in the project. */
  private async folderInside(folder: string): Promise<string> {
    const path = resolve(this.project.root, folder);
    const root = await realpath(this.project.root);
    // What is there of the path already, links followed.
    let there = path;
    while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
    if (folder.includes('\0') || !isInside(this.project.root, path) || !isInside(root, await realpath(there)))
      throw fail('ADC_OUTSIDE', { path: folder });
    return path;
  }

  /** @throws ADC_NOT_FOUND. */
  image(id: number): Promise<ImageRecord> {
    return this.labels.image(id);
  }

  /** Finishes writes and stops everything. Masks that are missing are computed when their image is opened again. */
  async close(): Promise<void> {
    await Promise.all([this.jobs.close(), this.labels.close(), this.engine.close(), this.painter.close()]);
    await this.store.close();
  }
}
