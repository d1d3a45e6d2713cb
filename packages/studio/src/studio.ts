/** A project that is open for labelling: everything the server offers, without HTTP. */
import type { CodedError } from '@adclick/ortgrad';
import type { DetectAnswer, DetectorChoice, ImageDetection, Job, JobRequest } from './api.ts';
import { DetectorService } from './detectors/detector-service.ts';
import { adoptDetectors } from './detectors/old-detectors.ts';
import { DETECTOR_WORK, type DetectorWork } from './detectors/training-apart.ts';
import { NO_CANDIDATES } from './engine/candidates.ts';
import { Engine } from './engine/engine.ts';
import { toCoded } from './errors.ts';
import { Bus } from './jobs/bus.ts';
import { Jobs } from './jobs/jobs.ts';
import { LabelArchive } from './labels/archive.ts';
import { Contents } from './labels/content.ts';
import { DefectTypes } from './labels/defect-types.ts';
import { EXCHANGE_JOBS, type ExchangeJobs } from './labels/exchange-jobs.ts';
import { LabelService } from './labels/label-service.ts';
import type { Predictor } from './labels/masks.ts';
import { passOver } from './log.ts';
import { pageLine } from './page-errors.ts';
import { categoriesOf } from './project/categories.ts';
import { folderInside } from './project/inside.ts';
import { tidyProject } from './project/leftovers.ts';
import type { Project } from './project/project.ts';
import { startPrompts } from './prompts/prompt-job.ts';
import { PromptService } from './prompts/prompts.ts';
import { Catalogue } from './queue/catalogue.ts';
import { Categories } from './queue/open-categories.ts';
import { Pictures } from './queue/pictures.ts';
import { Preparation } from './queue/preparation.ts';
import { Queue } from './queue/queue.ts';
import { Store } from './store/store.ts';

export interface StudioOptions {
  /** In place of the work of import and export; for tests of everything around it. */
  readonly exchange?: ExchangeJobs;
  /** Look at images in the background; default true. */
  readonly background?: boolean;
  /** In place of the engine's models; for tests of everything around them. */
  readonly predictor?: Predictor;
  /** In place of training and adapting in a process of its own; for tests of everything around it. */
  readonly detectors?: DetectorWork;
  /** Told about failures of our own, which people at the page see without the inside. */
  readonly onFailure?: (error: CodedError) => void;
  /** Threads of one operator of the models; default: all the process may use. */
  readonly threads?: number;
}

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
  readonly types: DefectTypes;
  readonly catalogue: Catalogue;
  readonly detectors: DetectorService;
  /** Models in one thread, pictures in another, so that thumbnails do not wait for masks nor masks for thumbnails. */
  private readonly engine: Engine;
  private readonly painter: Engine;
  private readonly options: StudioOptions;

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
    this.types = new DefectTypes(types, this.prompts, this.bus);
    this.catalogue = new Catalogue(project, store, this.categories);
    const work = options.detectors ?? DETECTOR_WORK;
    this.detectors = new DetectorService(project, images, this.categories, this.jobs, work);
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
    await adoptDetectors(this.project);
    await this.catalogue.scan();
    await this.types.declare(this.project);
  }

  private resume(category: string): void {
    const { onFailure = () => undefined } = this.options;
    this.labels.resume(category).catch((error) => onFailure(toCoded(error)));
  }

  private models(): Predictor {
    return {
      check: (image) => this.categories.check(image.category),
      predict: (image, asked) =>
        this.categories.using(image.category, async () => {
          this.preparation.touch();
          const picture = this.preparation.picture(image);
          return (await this.engine.call('predict', { picture, ...asked })).rle;
        }),
      candidates: async (image, asked, marked) => {
        // Where it is not open nothing is kept of its pictures, and no thread has to be started to say so.
        if (!this.categories.isOpen(image.category)) return NO_CANDIDATES;
        this.preparation.touch();
        const picture = this.preparation.picture(image);
        return this.engine.call('candidates', { picture, ...asked, marked });
      },
      proposal: async (image) => (await this.preparation.prepare(image, true)).rle,
    };
  }

  /**
   * What the detector of a category finds in a picture that is not one of the project's.
   * @param category may be left out where there is only one. @param bytes of an image file. @param map whether the map is wanted.
   * @throws ADC_REQUEST, ADC_NOT_FOUND, ADC_IMAGE_…, ADC_DETECTOR_…
   */
  async detect(category: string | undefined, bytes: Uint8Array, map: boolean): Promise<DetectAnswer> {
    const name = this.categories.only(category);
    return this.engine.call('detect', { category: name, bytes, map });
  }

  /** What one of the detectors of its category finds in an image. @throws ADC_NOT_FOUND, ADC_IMAGE_…, ADC_DETECTOR_… */
  async inspect(id: number, by: DetectorChoice): Promise<ImageDetection> {
    this.preparation.touch();
    const image = await this.labels.image(id);
    return this.engine.call('inspect', { picture: this.preparation.picture(image), by });
  }

  /** Starts a job. @throws ADC_NOT_FOUND for a category that the project does not have. */
  async startJob(request: JobRequest, user: string): Promise<Job> {
    if (request.kind === 'index') {
      await this.catalogue.scan();
      return this.categories.rebuild(request.category);
    }
    if (request.kind === 'prompts') {
      this.categories.expect(request.category);
      return startPrompts(this.prompts, this.jobs, request);
    }
    const { kind, format, folder } = request;
    const work = (this.options.exchange ?? EXCHANGE_JOBS)[kind];
    const path = await folderInside(this.project.root, folder);
    return this.jobs.start(kind, `${kind === 'import' ? 'Import from' : 'Export to'} ${folder}`, (options) =>
      work(this.archive, { format, path, user }, options),
    );
  }

  /** Finishes writes and stops everything. Masks that are missing are computed when their image is opened again. */
  async close(): Promise<void> {
    await Promise.all([this.jobs.close(), this.labels.close(), this.engine.close(), this.painter.close()]);
    await this.store.close();
  }
}
