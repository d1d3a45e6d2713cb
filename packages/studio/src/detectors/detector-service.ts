/** The detectors of an open project: what there is, training another one on the labels so far, bringing back the one before. */
import { fail as failCore } from '@adclick/core/errors';
import { counted, type DetectorEntry, type DetectorInfo, type Job, type TrainRequest } from '../api.ts';
import { fail } from '../errors.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { categoriesOf } from '../project/categories.ts';
import { previousDetector, recordOf, swapTrained, trainedDetector } from '../project/detector-files.ts';
import type { Project } from '../project/project.ts';
import type { Categories } from '../queue/open-categories.ts';
import type { ImageRepository } from '../store/images.ts';
import type { TrainWork } from './training-apart.ts';

/** Labels that training takes at least, and how many are usual. */
const LABELS = { needed: 2, usual: 10 } as const;

export class DetectorService {
  private training: { readonly category: string; readonly job: Job } | undefined;

  constructor(
    private readonly project: Project,
    private readonly images: ImageRepository,
    private readonly categories: Categories,
    private readonly jobs: Jobs,
    private readonly work: TrainWork,
  ) {}

  /** Every category with its labels and detectors. */
  async list(): Promise<DetectorEntry[]> {
    const labels = await this.images.defects();
    return Promise.all(
      categoriesOf(this.project).map(async ({ name }) => ({
        category: name,
        labels: labels.get(name) ?? 0,
        ...LABELS,
        newest: await this.info(name, trainedDetector(this.project.root, name)),
        previous: await this.info(name, previousDetector(this.project.root, name)),
      })),
    );
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

  /** @throws ADC_TRAINING while one is trained. */
  private expectIdle(): void {
    if (!this.training) return;
    const { category, job } = this.training;
    if (this.jobs.find(job.id)?.state === 'running') throw fail('ADC_TRAINING', { category });
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
    const job = this.jobs.start('train', `Detector of ${category}`, async ({ signal, onProgress }) => {
      const { notes, ...answer } = await this.work(this.project.root, options, {
        signal,
        onProgress: ({ detail, ...progress }) => onProgress({ ...progress, detail: detail ?? progress.label }),
      });
      await this.replaced(category);
      return [`Trained on ${counted(answer.labels, 'label')} in ${Math.round(answer.seconds)} s.`, ...notes].join(' ');
    });
    this.training = { category, job };
    return job;
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
