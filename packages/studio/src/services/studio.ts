/** A project that is open for labelling: everything the server offers, without HTTP. */
import { basename } from 'node:path';
import type { DefectType, Job, JobRequest, ProjectInfo } from '../api.ts';
import { fail } from '../errors.ts';
import type { Project } from '../project.ts';
import type { ImageRecord } from '../store/images.ts';
import { Store } from '../store/store.ts';
import { VERSION } from '../version.ts';
import { Bus } from './bus.ts';
import { Categories } from './categories.ts';
import { Engine } from './engine/engine.ts';
import { Jobs } from './jobs.ts';
import { LabelService, type Predictor } from './labels.ts';
import { Pictures } from './pictures.ts';
import { Preparation } from './preparation.ts';
import { categoriesOf, goodPictures } from './projects.ts';
import { Queue } from './queue.ts';
import { type ScanReport, scanProject } from './scan.ts';

export interface StudioOptions {
  /** Look at images in the background; default true. */
  readonly background?: boolean;
  /** In place of the engine's models; for tests of everything around them. */
  readonly predictor?: Predictor;
  /** Threads of one operator of the models; default: all the process may use. */
  readonly threads?: number;
}

/** Name of the type that projects without defect types get. */
const DEFAULT_TYPE = 'defect';

export class Studio {
  readonly bus = new Bus();
  readonly jobs: Jobs;
  readonly labels: LabelService;
  readonly queue: Queue;
  readonly pictures: Pictures;
  readonly preparation: Preparation;
  readonly categories: Categories;
  /** Models in one thread, pictures in another, so that thumbnails do not wait for masks nor masks for thumbnails. */
  private readonly engine: Engine;
  private readonly painter: Engine;
  private normals: Promise<Map<string, number>> | undefined;

  private constructor(
    readonly project: Project,
    readonly store: Store,
    options: StudioOptions,
  ) {
    const { images, types } = store;
    this.engine = new Engine({ project, ...(options.threads === undefined ? {} : { threads: options.threads }) });
    this.painter = new Engine({ project });
    this.jobs = new Jobs(this.bus);
    this.categories = new Categories(project, this.engine, images, this.jobs);
    this.preparation = new Preparation(project, images, this.engine, this.categories, this.jobs, this.bus);
    this.pictures = new Pictures(project, this.painter, this.preparation);
    const predictor = options.predictor ?? this.models();
    const { mask } = project.settings.thresholds;
    this.labels = new LabelService(images, store.labels, types, predictor, this.bus, mask);
    this.queue = new Queue(images, this.labels, this.preparation);
    if (options.background ?? true) this.categories.onOpen((name) => this.preparation.start(name));
  }

  /**
   * Opens a project for labelling: its database, the pictures on disk, and, in the background, its indexes.
   * @throws ADC_DATABASE.
   */
  static async open(project: Project, options: StudioOptions = {}): Promise<Studio> {
    const store = await Store.open(project.root);
    const studio = new Studio(project, store, options);
    await studio.scan();
    const names = categoriesOf(project).flatMap(({ settings }) => settings.defects);
    const existing = await store.types.list();
    await store.types.ensure(names.length > 0 || existing.length > 0 ? names : [DEFAULT_TYPE]);
    // A failure is shown by its job; work that needs the category meets it again.
    if (options.background ?? true)
      for (const { name } of categoriesOf(project)) studio.categories.open(name).catch(() => undefined);
    return studio;
  }

  private models(): Predictor {
    return {
      predict: async (image, clicks, threshold) => {
        await this.categories.open(image.category);
        this.preparation.touch();
        const picture = this.preparation.picture(image);
        return (await this.engine.call('predict', { picture, clicks, threshold })).rle;
      },
      proposal: async (image) => (await this.preparation.prepare(image, true)).rle,
    };
  }

  /** Brings the list of images in step with the disk. */
  async scan(): Promise<ScanReport> {
    this.normals = undefined;
    return scanProject(this.project, this.store.images);
  }

  /** `GET /project`. @param user whose name the page shows. */
  async info(user: string): Promise<ProjectInfo> {
    this.normals ??= this.countNormals();
    const [counts, types, normals] = await Promise.all([
      this.store.images.counts(),
      this.store.types.list(),
      this.normals,
    ]);
    const sum = (rows: typeof counts) => rows.reduce((total, { images }) => total + images, 0);
    const inState = (state: string) => sum(counts.filter((row) => row.state === state));
    return {
      name: basename(this.project.root),
      version: VERSION,
      user,
      categories: categoriesOf(this.project).map(({ name }) => ({
        name,
        images: sum(counts.filter(({ category }) => category === name)),
        normals: normals.get(name) ?? 0,
        indexed: this.categories.isOpen(name),
      })),
      types,
      counts: { todo: inState('todo'), defect: inState('defect'), good: inState('good') },
    };
  }

  private async countNormals(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const category of categoriesOf(this.project)) {
      const paths = await goodPictures(this.project, category).catch(() => []);
      counts.set(category.name, paths.length);
    }
    return counts;
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
    const type = await this.store.types.change(id, patch);
    if (type === 'missing') throw fail('ADC_NOT_FOUND', { what: `defect type ${id}` });
    if (type === 'taken') throw fail('ADC_NAME_TAKEN', { name: patch.name ?? '' });
    await this.tellTypes();
    return type;
  }

  private async tellTypes(): Promise<void> {
    this.bus.emit({ kind: 'types', types: await this.store.types.list() });
  }

  /** Starts a job. @throws ADC_NOT_FOUND for a category that the project does not have. */
  async startJob(request: JobRequest, _user: string): Promise<Job> {
    if (request.kind === 'index') {
      await this.scan();
      return this.categories.rebuild(request.category);
    }
    throw fail('ADC_REQUEST', { field: 'kind', what: `${request.kind} is not offered by this server` });
  }

  /** @throws ADC_NOT_FOUND. */
  image(id: number): Promise<ImageRecord> {
    return this.labels.image(id);
  }

  /** Finishes writes and stops everything. Masks that are missing are computed when their image is opened again. */
  async close(): Promise<void> {
    await this.jobs.close();
    const ending = this.labels.close();
    await this.engine.close();
    await this.painter.close();
    await ending;
    await this.store.close();
  }
}
