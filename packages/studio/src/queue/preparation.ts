/** Looks at images before people do: residual, proposal and scores in the background, and the next images kept ready for clicks. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromStored } from '@adclick/core/files';
import type { CodedError } from '@adclick/ortgrad';
import { counted, type Job } from '../api.ts';
import type { Engine } from '../engine/engine.ts';
import { detectorOf, preparedFolder, readPrepared } from '../engine/prepared.ts';
import type { ModelPicture, Prepared } from '../engine/protocol.ts';
import { toCoded } from '../errors.ts';
import type { Bus } from '../jobs/bus.ts';
import type { Jobs, Outcome } from '../jobs/jobs.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { passOver } from '../log.ts';
import { pageLine } from '../page-errors.ts';
import { fileStamp, trainedDetector } from '../project/detector-files.ts';
import type { Project } from '../project/project.ts';
import type { ImageRecord, ImageRepository } from '../store/images.ts';
import type { Categories } from './open-categories.ts';
import { reasonOf } from './reasons.ts';

/** Images taken at once from the database. */
const BATCH = 50;
/** After so many new images the order of diversity is made again. */
const DIVERSITY_EVERY = 200;
/** People's own work goes first: background work waits until nobody has done anything for so long. */
const QUIET_MS = 400;
/** But not for ever: however busy people are, one image is looked at so often. */
const LONGEST_HOLD_MS = 5_000;
/** Times that an image is looked at again because its detector was replaced meanwhile. */
const ATTEMPTS = 3;
/** Images in a row that met a fault that may pass, after which there is a pause before each further one. */
const FAILURES = 20;
/** Milliseconds of such pauses, each twice as long as the one before. */
const PAUSE = { first: 1_000, most: 60_000 } as const;

export class Preparation {
  private readonly running = new Map<string, Job>();
  /** Categories that were opened anew while their images are looked at. */
  private readonly anew = new Set<string>();
  private lastActivity = 0;

  constructor(
    private readonly project: Project,
    private readonly images: ImageRepository,
    private readonly engine: Engine,
    private readonly categories: Categories,
    private readonly jobs: Jobs,
    private readonly bus: Bus,
    private readonly pause = (ms: number, signal: AbortSignal): Promise<unknown> => sleep(ms, undefined, { signal }),
  ) {}

  /** Notes that somebody is at work or looks through the list, so that the background holds back. */
  touch(): void {
    this.lastActivity = Date.now();
  }

  picture(image: ImageRecord): ModelPicture {
    const { category, path, bytes, modified } = image;
    return { category, path: fromStored(this.project.root, path), bytes, modified };
  }

  /** Begins looking at a category's images that nobody has looked at, also at those that a fault has kept from it. */
  start(category: string): void {
    if (this.isRunning(category)) return void this.anew.add(category);
    const job = this.jobs.start('prepare', `Looking at the images of ${category}`, (work) => this.run(category, work));
    this.running.set(category, job);
  }

  private isRunning(category: string): boolean {
    const id = this.running.get(category)?.id;
    return id !== undefined && this.jobs.find(id)?.state === 'running';
  }

  private async run(category: string, { signal, onProgress }: Required<WorkOptions>): Promise<Outcome> {
    let done = 0;
    let ordered = 0;
    let inARow = 0;
    /** Why images were not looked at. One broken picture must not keep the others from it. */
    const skipped = new Map<number, CodedError>();
    /** Those of the last in a row that may be looked at as soon as the computer can again. */
    const late = new Set<number>();
    const takeLate = () => {
      for (const id of late) skipped.delete(id);
      late.clear();
    };
    for (;;) {
      if (this.anew.delete(category)) skipped.clear();
      const batch = (await this.images.unprepared(category, BATCH + skipped.size)).filter(({ id }) => !skipped.has(id));
      if (batch.length === 0) {
        if (inARow >= FAILURES && late.size > 0) {
          takeLate();
          continue;
        }
        if (done > ordered) await this.orderByDiversity(category);
        ordered = done;
        // It may have been opened anew in the meantime.
        if (this.anew.has(category)) continue;
        break;
      }
      const { total } = await this.images.unpreparedCount(category);
      const all = done + total;
      const report = (detail?: string) => onProgress({ label: 'preparing', done, total: Math.max(done, all), detail });
      for (const image of batch) {
        await this.holdBack(signal);
        let fault: CodedError | undefined;
        try {
          await this.prepare(image, false);
        } catch (error) {
          signal.throwIfAborted();
          fault = toCoded(error);
          skipped.set(image.id, fault);
        }
        // A picture that is gone or broken says nothing of the models: it is met before they are asked.
        if (!fault) {
          // The models answer.
          if (inARow >= FAILURES) takeLate();
          late.clear();
          inARow = 0;
        } else if (fault.passing !== undefined && fault.code !== 'ADC_IMAGE_MISSING') {
          if (fault.passing === 'by itself') late.add(image.id);
          if (++inARow >= FAILURES) {
            report(pageLine(fault, this.project.root));
            await this.pause(Math.min(PAUSE.most, PAUSE.first * 2 ** (inARow - FAILURES)), signal);
          }
        }
        if (fault) continue;
        done++;
        report();
        if (done % DIVERSITY_EVERY === 0) await this.orderByDiversity(category);
      }
    }
    // What is started from now on is another run.
    this.running.delete(category);
    const [first] = skipped.values();
    const reason = first && pageLine(first, this.project.root);
    const broken = reason ? ` ${counted(skipped.size, 'image')} could not be looked at; the first: ${reason}` : '';
    return { text: `Looked at ${counted(done, 'image')}.${broken}`, leftOut: skipped.size };
  }

  /** Waits while people are at work. */
  private async holdBack(signal: AbortSignal): Promise<void> {
    const held = Date.now();
    while (Date.now() - this.lastActivity < QUIET_MS && Date.now() - held < LONGEST_HOLD_MS)
      await sleep(QUIET_MS, undefined, { signal });
    signal.throwIfAborted();
  }

  /** What the model sees in an image unasked; computed now where it is not on disk. */
  async prepare(image: ImageRecord, urgent: boolean): Promise<Prepared> {
    const stored = await this.known(image);
    if (stored) return stored;
    const look = () => this.engine.call('prepare', { picture: this.picture(image), urgent });
    let prepared: Prepared;
    let attempts = 0;
    do prepared = await this.categories.using(image.category, look);
    while (
      // A detector that was replaced meanwhile has nothing to say any more.
      !(await this.categories.holds(image.category, prepared.key)) &&
      ++attempts < ATTEMPTS
    );
    const { score, scale, uncertainty, embedding, key } = prepared;
    await this.images.setPreparation(image.id, { score, scale, uncertainty, embedding, prepared: key });
    const placed = { score, scale, uncertainty, diversity: image.diversity };
    const reasons = { residual: reasonOf(placed, 'residual'), uncertainty: reasonOf(placed, 'uncertainty') };
    this.bus.emit({ kind: 'ready', id: image.id, reasons });
    return prepared;
  }

  /** What is on disk of an image, without computing anything; what another detector saw than the newest does not count. */
  async known({ category, prepared }: ImageRecord): Promise<Prepared | undefined> {
    if (prepared === null) return undefined;
    const stamp = await fileStamp(trainedDetector(this.project.root, category));
    if (detectorOf(prepared) === stamp) return readPrepared(this.project.root, prepared);
    // Somebody has trained on the command line, or put another file there.
    if (this.categories.isOpen(category)) this.categories.current(category).catch(passOver('category not current'));
    return undefined;
  }

  /** Path of an image's heat map once it is prepared. */
  heatPath(key: string): string {
    return join(preparedFolder(this.project.root), `${key}.png`);
  }

  /** Opens an image in the engine, so that its first click is quick. Failures show when somebody clicks. */
  warm(image: ImageRecord): void {
    if (!this.categories.isOpen(image.category)) return;
    this.engine.call('warm', { picture: this.picture(image) }).catch(passOver('not warm', { image: image.id }));
  }

  private async orderByDiversity(category: string): Promise<void> {
    const rows = await this.images.embeddings(category);
    const { order } = await this.engine.call('diversity', {
      vectors: rows.map(({ embedding }) => embedding),
      labelled: rows.map(({ state }) => state !== 'todo'),
    });
    const behind = rows.flatMap(({ state }, i) => (state === 'todo' ? [] : [i]));
    await this.images.setDiversity(new Map([...order, ...behind].map((row, place) => [rows[row].id, place])));
  }
}
