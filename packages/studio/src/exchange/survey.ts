/** The first look at what is to be imported, which image is of which picture, and the second one, which takes the masks of those that have one. */
import type { Format as FormatName } from '../api.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { Budget, READING_LIMITS, type ReadingLimits } from './budget.ts';
import type { ReadOptions } from './format.ts';
import { EXCHANGE_FORMATS } from './formats.ts';
import type { Picture } from './label-store.ts';
import { matchPictures, PictureFinder } from './match.ts';
import type { Source } from './source.ts';
import type { LabelledImage, LeftOut } from './types.ts';

/** How files are read. */
export interface SurveyRequest {
  readonly format: FormatName;
  /** What an image without a region is: known to be good, or not looked at, so that it is passed over. */
  readonly emptyIs: 'good' | 'todo';
}

/** What a first look has found. */
export interface Survey {
  /** Pictures of the project by the path that the files say. */
  readonly matches: ReadonlyMap<string, Picture>;
  /** What has no picture, or cannot be read. */
  readonly leftOut: readonly LeftOut[];
}

/** Files that others made, read in two looks: nothing is put anywhere before all of them were seen. */
export interface LabelReader {
  /** For reports: what the user named. */
  readonly path: string;
  /**
   * Matches the images of the files with pictures. Masks are painted on the way only where a picture of that name and size is there.
   * @throws ADC_EXCHANGE_EMPTY, ADC_EXCHANGE_BUDGET, and what reading the files threw when none of them could be read.
   */
  survey(pictures: readonly Picture[], request: SurveyRequest, options?: WorkOptions): Promise<Survey>;
  /** The images that the survey has matched, with their masks. */
  matched(options?: WorkOptions): AsyncIterable<LabelledImage>;
}

/** Reads a source here, in this thread. */
export class SourceReader implements LabelReader {
  private found:
    | { readonly request: SurveyRequest; readonly read: ReadOptions; readonly paths: ReadonlySet<string> }
    | undefined;

  constructor(
    private readonly source: Source,
    private readonly limits: ReadingLimits = READING_LIMITS,
  ) {}

  get path(): string {
    return this.source.path;
  }

  async survey(
    pictures: readonly Picture[],
    request: SurveyRequest,
    { onProgress, signal }: WorkOptions = {},
  ): Promise<Survey> {
    const leftOut: LeftOut[] = [...(this.source.leftOut ?? [])];
    const finder = new PictureFinder(pictures);
    const inProject = (name: string, stem?: boolean) => {
      const known = finder.find(name, stem);
      return typeof known === 'string' || known.picture.unreadable !== undefined ? undefined : known.picture;
    };
    const fits = (path: string, width: number, height: number) => {
      const picture = inProject(path);
      return picture !== undefined && picture.width === width && picture.height === height;
    };
    const found = new Map<string, Picture>();
    const twice = new Set<string>();
    const [spoken, partly] = [new Set<string>(), new Set<string>()];
    const refuse = (entry: LeftOut) => {
      leftOut.push(entry);
      spoken.add(entry.path.replaceAll('\\', '/'));
    };
    const budget = new Budget(this.limits);
    let done = 0;
    for await (const image of budget.during(this.read(request, { inProject, fits, budget, leftOut: refuse }))) {
      signal?.throwIfAborted();
      if (!isMeant(image, request)) continue;
      onProgress?.({ label: 'reading', done: ++done });
      const { path, width, height, partial } = image;
      if (found.has(path)) twice.add(path);
      if (partial) partly.add(path);
      found.set(path, { path, width, height });
    }
    // What was left out of an image elsewhere counts as well: without it the image would be good, or have half of its mask.
    for (const path of spoken) if (found.has(path) && !partly.has(path)) twice.add(path);
    for (const path of twice) {
      found.delete(path);
      leftOut.push({ path, reason: 'it is there twice, and which of its labels count is not said' });
    }
    const lost = [...spoken].filter((path) => !found.has(path) && !twice.has(path));
    const { matches, failures } = matchPictures([...found.values()], finder, lost);
    for (const failure of failures) leftOut.push(failure);
    this.found = { request, read: { inProject, fits, leftOut: () => undefined }, paths: new Set(matches.keys()) };
    return { matches, leftOut };
  }

  async *matched({ signal }: WorkOptions = {}): AsyncIterable<LabelledImage> {
    for await (const image of this.secondLook()) {
      signal?.throwIfAborted();
      if (image) yield image;
    }
  }

  /** The images that the survey has matched, and undefined for each of the others, so that whoever waits sees that it goes on. */
  async *secondLook(): AsyncIterable<LabelledImage | undefined> {
    if (!this.found) throw new Error('survey first');
    const { request, read, paths } = this.found;
    // What took its time once may take it again, however busy the computer is now.
    const budget = new Budget({ ...this.limits, fileSeconds: Infinity, allSeconds: Infinity });
    for await (const image of this.read(request, { ...read, budget }))
      yield paths.has(image.path) && isMeant(image, request) ? image : undefined;
  }

  /** All images of the files. */
  private read({ format }: SurveyRequest, options: ReadOptions): AsyncIterable<LabelledImage> {
    return EXCHANGE_FORMATS[format].read(this.source, options);
  }
}

/** Whether an image says anything, and is not passed over. */
const isMeant = ({ unpainted, layers }: LabelledImage, { emptyIs }: SurveyRequest): boolean =>
  unpainted || layers.length > 0 || emptyIs === 'good';
