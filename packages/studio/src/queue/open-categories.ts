/** Which categories the engine has open. A category is indexed and opened once, in the background; whoever needs it waits for it. */
import { counted } from '../api.ts';
import type { Engine } from '../engine/engine.ts';
import { detectorOf } from '../engine/prepared.ts';
import type { Opening } from '../engine/protocol.ts';
import { fail, toCoded } from '../errors.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { categoriesOf } from '../project/categories.ts';
import { fileStamp, trainedDetector } from '../project/detector-files.ts';
import type { Project } from '../project/project.ts';
import type { ImageRepository } from '../store/images.ts';

export interface OpenCategory {
  /** Stands for index, weights, settings and trained detector: what was prepared under another key is stale. */
  readonly key: string;
  /** Good pictures in the index. */
  readonly pictures: number;
}

const isDamaged = (error: unknown) => toCoded(error).code === 'ADC_INDEX_DAMAGED';

export class Categories {
  private readonly opening = new Map<string, Promise<OpenCategory>>();
  private readonly opened = new Map<string, OpenCategory>();
  private readonly refreshing = new Map<string, { readonly how: Opening; readonly answer: Promise<OpenCategory> }>();
  private readonly failures = new Map<string, unknown>();
  /** Those that were opened anew; what only has another detector than before has the same index. */
  private readonly anew = new WeakSet<OpenCategory>();
  /** Those whose files were damaged still when they were opened anew: only building mends them. */
  private readonly damaged = new WeakSet<OpenCategory>();
  private readonly listeners: ((name: string) => void)[] = [];

  constructor(
    private readonly project: Project,
    private readonly engine: Engine,
    private readonly images: ImageRepository,
    private readonly jobs: Jobs,
  ) {}

  /** Called with a category's name each time it has been opened; not where it is the same as before. */
  onOpen(listener: (name: string) => void): void {
    this.listeners.push(listener);
  }

  /** Whether a category is open. */
  isOpen(name: string): boolean {
    return this.opened.has(name);
  }

  /** Good pictures of an open category. */
  pictures(name: string): number | undefined {
    return this.opened.get(name)?.pictures;
  }

  /** @throws why a category cannot be opened, when that is known. */
  check(name: string): void {
    if (this.failures.has(name)) throw this.failures.get(name);
  }

  /** The engine has lost everything: categories are opened again when they are needed. */
  reset(): void {
    this.opening.clear();
    this.opened.clear();
    this.failures.clear();
  }

  /**
   * Opens a category, indexing it first where that was not done or is out of date.
   * @throws what indexing throws; it is tried again by {@link rebuild} only, not by everyone who asks.
   */
  async open(name: string): Promise<OpenCategory> {
    this.check(name);
    return this.opening.get(name) ?? this.start(name, 'kept').opening;
  }

  /**
   * A category as it is with the detector file of this moment: when that has been replaced, what was prepared before is forgotten and
   * looking at its images begins again. @throws what {@link open} throws.
   */
  async current(name: string): Promise<OpenCategory> {
    const open = await this.open(name);
    const stamp = await fileStamp(trainedDetector(this.project.root, name));
    if (detectorOf(open.key) === stamp) return open;
    return this.refreshed(name, 'kept');
  }

  /**
   * Works with an open category. Where files of its index are gone, as after two rebuilds by another process, it is opened anew, once.
   * Where one was altered that helps nothing, and is not tried again. @throws what {@link open} and the work throw.
   */
  async using<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = await this.open(name);
    try {
      return await work();
    } catch (error) {
      if (!isDamaged(error) || this.damaged.has(before)) throw error;
      let now = this.opened.get(name) ?? before;
      try {
        // Somebody else may have met it, and opened it anew.
        if (now === before || !this.anew.has(now)) now = await this.refreshed(name, 'anew');
        return await work();
      } catch (again) {
        if (isDamaged(again)) this.damaged.add(now);
        throw again;
      }
    }
  }

  /** Opens it again, once for all who ask meanwhile. */
  private refreshed(name: string, how: Opening): Promise<OpenCategory> {
    const known = this.refreshing.get(name);
    if (known && (known.how === how || known.how === 'anew')) return known.answer;
    // What is kept may be what has to be opened anew.
    const before = known?.answer.catch(() => undefined);
    const answer = Promise.resolve(before)
      .then(() => this.refresh(name, how))
      .finally(() => {
        if (this.refreshing.get(name)?.answer === answer) this.refreshing.delete(name);
      });
    this.refreshing.set(name, { how, answer });
    return answer;
  }

  private async refresh(name: string, how: Opening): Promise<OpenCategory> {
    const category = await this.engine.call('category', { category: name, how });
    await this.images.forgetPreparations(name, `${category.key}/`);
    if (how === 'anew') this.anew.add(category);
    const before = this.opened.get(name);
    this.opening.set(name, Promise.resolve(category));
    this.opened.set(name, category);
    if (category.key !== before?.key) for (const listener of this.listeners) listener(name);
    return category;
  }

  /** Whether what was prepared under a key is what a category's models say now. @throws what {@link open} throws. */
  async holds(name: string, key: string): Promise<boolean> {
    return key.startsWith(`${(await this.current(name)).key}/`);
  }

  /** @throws ADC_NOT_FOUND for a name that no category has; none at all is well. */
  expect(name: string | undefined): void {
    const known = categoriesOf(this.project).some((category) => category.name === name);
    if (name !== undefined && !known) throw fail('ADC_NOT_FOUND', { what: `category ${name}` });
  }

  /** The category that was named, or the only one. @throws ADC_NOT_FOUND, ADC_REQUEST where it is not clear. */
  only(name: string | undefined): string {
    this.expect(name);
    const names = categoriesOf(this.project).map((category) => category.name);
    const found = name ?? (names.length === 1 ? names[0] : undefined);
    if (found !== undefined) return found;
    throw fail('ADC_REQUEST', { field: 'category', what: `must be one of ${names.join(', ')}` });
  }

  /** Starts a job that brings indexes up to date. @param only one category. @throws ADC_NOT_FOUND. */
  rebuild(only: string | undefined) {
    this.expect(only);
    const names = categoriesOf(this.project).map(({ name }) => name);
    return (only === undefined ? names : [only]).map((name) => this.start(name, 'rebuilt').job)[0];
  }

  private start(name: string, how: Opening) {
    let resolve!: (category: OpenCategory) => void;
    let reject!: (error: unknown) => void;
    const opening = new Promise<OpenCategory>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    // Whoever asks gets the failure; nobody asking is no crash.
    opening.catch(() => undefined);
    this.opening.set(name, opening);
    this.failures.delete(name);
    const job = this.jobs.start('index', `Good pictures of ${name}`, async ({ onProgress, signal }) => {
      try {
        const category = await this.engine.call('category', { category: name, how }, { onProgress, signal });
        await this.images.forgetPreparations(name, `${category.key}/`);
        // Somebody may have opened it anew meanwhile.
        this.opening.set(name, opening);
        this.opened.set(name, category);
        resolve(category);
        for (const listener of this.listeners) listener(name);
        return `Images are compared with ${counted(category.pictures, 'good picture')}.`;
      } catch (error) {
        // What passes by itself says nothing about the category: a thread that died, a full disk, somebody else who indexes it.
        if (!signal.aborted && toCoded(error).passing !== 'by itself') this.failures.set(name, error);
        if (this.opening.get(name) === opening) this.opening.delete(name);
        reject(error);
        throw error;
      }
    });
    return { opening, job };
  }
}
