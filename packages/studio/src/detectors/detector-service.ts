/** The detectors of an open project: what there is, training another one on the labels so far, letting one follow good images, bringing back the one before. */
import { fail as failCore } from '@adclick/core/errors';
import { fromStored } from '@adclick/core/files';
import { counted, type DetectorEntry, type DetectorInfo, type Job, type TrainRequest } from '../api.ts';
import { fail } from '../errors.ts';
import type { Jobs, Outcome } from '../jobs/jobs.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { hasContent, parseContent } from '../labels/content.ts';
import { categoriesOf } from '../project/categories.ts';
import {
  fileStamp,
  madeDetectors,
  previousDetector,
  recordOf,
  swapTrained,
  trainedDetector,
} from '../project/detector-files.ts';
import type { Project } from '../project/project.ts';
import { takenBy } from '../project/taken-good.ts';
import type { Categories } from '../queue/open-categories.ts';
import type { GoodImage, ImageRepository } from '../store/images.ts';
import type { DetectorWork } from './training-apart.ts';
import { adaptedText } from './training-options.ts';

/** Labels that training takes at least, and how many are usual. */
const LABELS = { needed: 2, usual: 10 } as const;

/** Progress of a job that says what it does where its work says nothing of its state. */
const worded = ({ signal, onProgress }: Required<WorkOptions>): Required<WorkOptions> => ({
  signal,
  onProgress: ({ detail, ...progress }) => onProgress({ ...progress, detail: detail ?? progress.label }),
});

export class DetectorService {
  private changing: { readonly category: string; readonly what: 'trained' | 'adapted'; readonly job: Job } | undefined;

  constructor(
    private readonly project: Project,
    private readonly images: ImageRepository,
    private readonly categories: Categories,
    private readonly jobs: Jobs,
    private readonly work: DetectorWork,
  ) {}

  /** Every category with its labels and detectors. */
  async list(): Promise<DetectorEntry[]> {
    const labels = await this.images.defects();
    const goods = await this.images.goods();
    const { root } = this.project;
    return Promise.all(
      categoriesOf(this.project).map(async ({ name }) => {
        const marked = goods.filter(({ category }) => category === name);
        return {
          category: name,
          labels: labels.get(name) ?? 0,
          ...LABELS,
          newest: await this.info(name, trainedDetector(root, name)),
          previous: await this.info(name, previousDetector(root, name)),
          residual: (await this.madeStamp(name)) ?? null,
          goods: { marked: marked.length, untaken: (await this.untaken(name, marked)).length },
        };
      }),
    );
  }

  /** Stamp of the detector that was made of the good pictures of a category; undefined before one was made. */
  private async madeStamp(category: string): Promise<string | undefined> {
    const [made] = await madeDetectors(this.project.root, category);
    return made === undefined ? undefined : fileStamp(made);
  }

  /** Which images of a category its detector in use has not taken as good yet. */
  private async untaken(category: string, goods: readonly GoodImage[]): Promise<GoodImage[]> {
    const { root } = this.project;
    const stamp = (await fileStamp(trainedDetector(root, category))) ?? (await this.madeStamp(category));
    const taken = await takenBy(root, category, stamp);
    return goods.filter(({ content }) => !taken.has(parseContent(content)?.hash ?? ''));
  }

  private async info(category: string, path: string): Promise<DetectorInfo | null> {
    const known = await recordOf(this.project.root, category, path);
    if (!known) return null;
    const { stamp, record } = known;
    if (!record) return { stamp, time: null, labels: null, from: null, notes: [] };
    const { time, labels, from, notes } = record;
    return { stamp, time, labels, from, notes };
  }

  /** The category that was named, or the only one. @throws ADC_NOT_FOUND, ADC_REQUEST. */
  private async entry(category: string | undefined): Promise<DetectorEntry> {
    const name = this.categories.only(category);
    return (await this.list()).filter((entry) => entry.category === name)[0];
  }

  /** @throws ADC_TRAINING while one is trained or adapted. */
  private expectIdle(): void {
    if (!this.changing) return;
    const { category, what, job } = this.changing;
    if (this.jobs.find(job.id)?.state === 'running') throw fail('ADC_TRAINING', { category, what });
  }

  /**
   * Starts a job that trains the detector of a category; it replaces the one before when it has succeeded, and not otherwise.
   * @throws ADC_LABELS where there are too few, ADC_TRAINING while another one is trained, ADC_NOT_FOUND, ADC_REQUEST.
   */
  async train({ category: wanted, steps, seed }: TrainRequest): Promise<Job> {
    const { category, labels, needed } = await this.entry(wanted);
    this.expectIdle();
    if (labels < needed)
      throw failCore('ADC_LABELS', {
        what: `${category} has ${labels || 'no'} labelled defect${labels > 1 ? 's' : ''}`,
      });
    const options = { category, ...(steps === undefined ? {} : { steps }), ...(seed === undefined ? {} : { seed }) };
    const job = this.jobs.start('train', `Detector of ${category}`, async (work) => {
      const { notes, ...answer } = await this.work.train(this.project.root, options, worded(work));
      await this.replaced(category);
      return [`Trained on ${counted(answer.labels, 'label')} in ${Math.round(answer.seconds)} s.`, ...notes].join(' ');
    });
    this.changing = { category, what: 'trained', job };
    return job;
  }

  /**
   * Starts a job that takes images as good which somebody has marked as having no defect: the thresholds of the category's detector follow
   * them. Of a trained one the one before stays.
   * @throws ADC_NO_GOOD_IMAGES where there are none but those that it has taken before, ADC_TRAINING while a detector is trained or adapted,
   *   ADC_NOT_FOUND, ADC_REQUEST.
   */
  async adapt(wanted: string | undefined): Promise<Job> {
    const category = this.categories.only(wanted);
    const marked = (await this.images.goods()).filter((image) => image.category === category);
    const untaken = await this.untaken(category, marked);
    this.expectIdle();
    if (untaken.length === 0)
      throw fail('ADC_NO_GOOD_IMAGES', {
        category,
        what:
          marked.length === 0
            ? 'none is marked as having no defect'
            : 'those without a defect were taken as good before',
      });
    const job = this.jobs.start('adapt', `Thresholds of ${category}`, (work) => this.follow(category, untaken, work));
    this.changing = { category, what: 'adapted', job };
    return job;
  }

  private async follow(category: string, goods: readonly GoodImage[], work: Required<WorkOptions>): Promise<Outcome> {
    const { root: project } = this.project;
    const paths: string[] = [];
    for (const { path, content } of goods) {
      const labelled = parseContent(content);
      if (!labelled || (await hasContent(fromStored(project, path), labelled))) paths.push(fromStored(project, path));
    }
    const leftOut = goods.length - paths.length;
    const why = 'another picture than when it was marked, or none that can be read';
    if (paths.length === 0) throw fail('ADC_NO_GOOD_IMAGES', { category, what: `each is ${why}` });
    const answer = await this.work.adapt({ paths, project, category }, worded(work));
    await this.replaced(category);
    const without = leftOut > 0 ? ` ${counted(leftOut, 'image')} left out: ${why}.` : '';
    return { text: `${adaptedText(answer, 'image')}.${without}`, leftOut };
  }

  /** Newest and previous detector change places. @throws ADC_NOT_FOUND where there is no previous one, ADC_TRAINING, ADC_DISK. */
  async restore(category: string): Promise<DetectorEntry> {
    this.categories.expect(category);
    this.expectIdle();
    if (!(await swapTrained(this.project.root, category)))
      throw fail('ADC_NOT_FOUND', { what: `detector before the newest of ${category}` });
    await this.replaced(category);
    return this.entry(category);
  }

  /** What was prepared before is stale. A category that is not open yet finds that out when it is opened. */
  private async replaced(category: string): Promise<void> {
    if (this.categories.isOpen(category)) await this.categories.current(category);
  }
}
