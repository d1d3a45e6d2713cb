/** Exporting the labels of a project into another tool's format and importing them from it, with a report of all that did not get through. */
import { type Rle, rleArea, xorRle } from '@adclick/core/geometry';
import type { Format as FormatName } from '../api.ts';
import { fail } from '../errors.ts';
import type { OwnedOptions, WorkOptions } from '../jobs/progress.ts';
import { EXCHANGE_FORMATS } from './formats.ts';
import type { LabelStore, Picture } from './label-store.ts';
import { safePath } from './paths.ts';
import { orLeaveOut } from './reading.ts';
import { openFolder, type Source } from './source.ts';
import { type LabelReader, SourceReader } from './survey.ts';
import { Target } from './target.ts';
import type { ChangedImage, ExchangeReport, ImportReport, LabelledImage, LeftOut, Replaced } from './types.ts';

/** What is to be exported, and where to. */
export interface ExportRequest {
  readonly format: FormatName;
  readonly target: string;
  /** Replaces an earlier export at that place. */
  readonly force?: boolean;
  /** Exports masks too that nobody has confirmed yet. */
  readonly drafts?: boolean;
  /** Exports labels too whose picture has changed since they were made. */
  readonly changed?: boolean;
  /** Where the picture of an image lies; without it only labels are written. */
  readonly pictureOf?: (image: LabelledImage) => string;
  /** Name of the category for images that do not tell theirs. */
  readonly category?: string;
  /** Pixels by which polygons may leave the exact contour; default 0. */
  readonly simplify?: number;
}

/** What an image was when it was written. Run lengths in typed arrays: thousands of images are kept until the export was checked. */
interface Original {
  readonly width: number;
  readonly height: number;
  readonly layers: ReadonlyMap<string, Uint32Array>;
}

/** Lines that are shown of a list; --json has all of it. */
export const SHOWN = 20;

/** What was left out, in words; nothing when nothing was. */
export function leftOutLines(leftOut: readonly LeftOut[]): string[] {
  if (leftOut.length === 0) return [];
  const lines = leftOut.slice(0, SHOWN).map(({ path, type, reason }) => {
    const about = type === undefined ? path : `${path}, ${type}`;
    // A name may hold what ends a line.
    return `  ${about.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1))}: ${reason}`;
  });
  const more = leftOut.length > SHOWN ? [`  and ${leftOut.length - SHOWN} more; --json lists all`] : [];
  return [`Left out: ${leftOut.length}`, ...lines, ...more];
}

/** What to do about mask files that an export has passed over; nothing where there are none. */
export const maskFilesLines = (count: number): string[] =>
  count === 0
    ? []
    : [
        `${count} of those have mask files: since the project has a database they do not count; \`adclick import PROJECT --format mvtec --from PROJECT\` takes them over`,
      ];

/** Why the labels of an image cannot be used, if they cannot. @param changed whether a picture that has changed is no reason. */
export function objection(
  { state, layers, width, height, ...image }: LabelledImage,
  { drafts = false, changed = false } = {},
): string | undefined {
  if (image.changed && !changed)
    return 'its picture is another one than when it was labelled; confirm its label in the page, or use `adclick export --changed`';
  const odd = layers.find(({ rle }) => rle.width !== width || rle.height !== height);
  if (odd) return `its mask of ${odd.type} is ${odd.rle.width} x ${odd.rle.height}, the image ${width} x ${height}`;
  if (state === 'todo' && !drafts) return 'its mask is a draft that nobody has confirmed; confirm it, or export drafts';
  if (state === 'defect' && layers.length === 0) return 'it has a defect but no mask';
  if (state === 'good' && layers.length > 0) return 'it is marked as good but has a mask';
  return undefined;
}

const sameSize = (a: LabelledImage, b: Original) => a.width === b.width && a.height === b.height;

class Export {
  readonly leftOut: LeftOut[] = [];
  private readonly said = new Set<string>();
  readonly originals = new Map<string, Original>();
  unlabelled = 0;
  maskFiles = 0;

  constructor(
    private readonly request: ExportRequest,
    private readonly options: WorkOptions,
  ) {}

  /** The images that formats can write. */
  async *screen(images: AsyncIterable<LabelledImage>): AsyncIterable<LabelledImage> {
    let done = 0;
    for await (const image of images) {
      this.options.signal?.throwIfAborted();
      this.options.onProgress?.({ label: 'exporting', done: ++done });
      const { path, width, height } = image;
      const named = await orLeaveOut(
        (entry) => this.leaveOut(entry),
        { path },
        () => safePath(path, 'the project') === path,
      );
      if (named === undefined) continue;
      if (!named || this.originals.has(path)) {
        this.leaveOut({ path, reason: 'it is there twice, or its name is not in its plain form' });
        continue;
      }
      const marked = image.layers.filter(({ rle }) => rleArea(rle) > 0);
      const layers = marked.filter(({ type }) => !this.refuses(path, type));
      // Without its types it would read as a good picture.
      if (layers.length < marked.length && layers.length === 0) continue;
      if (image.state === 'todo' && layers.length === 0) {
        this.unlabelled++;
        if (image.maskFiles) this.maskFiles++;
        continue;
      }
      const reason = objection({ ...image, layers }, this.request);
      if (reason !== undefined) {
        this.leaveOut({ path, reason });
        continue;
      }
      const kept = layers.map(({ type, rle }) => [type, Uint32Array.from(rle.counts)] as const);
      this.originals.set(path, { width, height, layers: new Map(kept) });
      yield { ...image, layers };
    }
  }

  /** Leaves out a type whose name some of the formats cannot write, so that all of them hold the same. */
  private refuses(path: string, type: string): boolean {
    const odd = type.trim() === '' ? 'empty' : /\p{Cc}/u.test(type) ? 'one with a control character' : undefined;
    if (odd !== undefined) this.leaveOut({ path, type, reason: `the name of its type is ${odd}` });
    return odd !== undefined;
  }

  /** Reads the export again and compares it with what went in. */
  async check(format: FormatName, source: Source): Promise<{ images: number; changed: ChangedImage[] }> {
    const missing = new Set(this.originals.keys());
    const changed: ChangedImage[] = [];
    let done = 0;
    const read = EXCHANGE_FORMATS[format].read(source, { leftOut: (entry) => this.leaveOut(entry) });
    for await (const image of read) {
      this.options.signal?.throwIfAborted();
      this.options.onProgress?.({ label: 'checking', done: ++done, total: this.originals.size });
      const original = this.originals.get(image.path);
      if (!original) continue;
      missing.delete(image.path);
      const pixels = this.difference(image, original);
      if (pixels > 0) changed.push({ path: image.path, pixels });
    }
    for (const path of missing) this.leaveOut({ path, reason: 'it is missing when the export is read again' });
    return { images: this.originals.size - missing.size, changed };
  }

  /** Pixels that differ, over all types; a type of which nothing is left is left out. */
  private difference(image: LabelledImage, original: Original): number {
    const { width, height, layers } = original;
    const read = new Map(image.layers.map(({ type, rle }) => [type, rle]));
    let pixels = 0;
    for (const [type, counts] of layers) {
      const want: Rle = { width, height, counts: [...counts] };
      const got = read.get(type);
      if (!got) this.leaveOut({ path: image.path, type, reason: 'nothing of it is left in this format' });
      const comparable = got !== undefined && sameSize(image, original);
      pixels += comparable ? rleArea(xorRle(want, got)) : rleArea(want);
      if (comparable) read.delete(type);
    }
    for (const rle of read.values()) pixels += rleArea(rle);
    return pixels;
  }

  /** Says it once: a format may have said why already. */
  leaveOut(entry: LeftOut): void {
    const key = JSON.stringify([entry.path, entry.type ?? null]);
    if (this.said.has(key)) return;
    this.said.add(key);
    this.leftOut.push(entry);
  }
}

/**
 * Exports the labels of a store. The export is read again before it takes its place, so that the report tells what is in it, not what
 * should be.
 * @throws ADC_EXPORT_EXISTS, ADC_EXCHANGE_EMPTY when there is nothing to export, ADC_DISK; nothing is left behind then.
 */
export async function exportLabels(
  store: LabelStore,
  request: ExportRequest,
  options: WorkOptions = {},
): Promise<ExchangeReport> {
  const { format, pictureOf, category, simplify } = request;
  const target = await Target.open(request.target, request.force);
  const work = new Export(request, options);
  try {
    const leftOut = (entry: LeftOut) => work.leaveOut(entry);
    await EXCHANGE_FORMATS[format].write(work.screen(store.images()), target, {
      pictureOf,
      category,
      simplify,
      leftOut,
    });
    for (const entry of (await store.unmatched?.()) ?? []) work.leaveOut(entry);
    if (work.originals.size === 0) {
      const [first] = work.leftOut;
      const what = first ? `no image can be exported; ${first.path}: ${first.reason}` : 'no image has a label yet';
      throw fail('ADC_EXCHANGE_EMPTY', { path: 'the project', what });
    }
    await target.seal(format);
    const { images, changed } = await work.check(format, await openFolder(target.folder));
    options.signal?.throwIfAborted();
    await target.commit();
    const { unlabelled, maskFiles, leftOut: all } = work;
    return { format, target: target.path, images, unlabelled, maskFiles, changed, leftOut: all };
  } catch (error) {
    await target.discard();
    throw error;
  }
}

/** What is to be imported. */
export interface ImportRequest {
  readonly format: FormatName;
  /** What is read here, or a reader that reads elsewhere. */
  readonly source: Source | LabelReader;
  /** What an image without a region is: known to be good (default), or not looked at, so that it is passed over. */
  readonly emptyIs?: 'good' | 'todo';
  /** Whether an image without a region loses the mask that its picture has; default no: it is left out then. */
  readonly removeMasks?: boolean;
}

/**
 * Imports labels into a store. What cannot be read, or put to a picture, is left out with its reason: that picture stays as it is.
 * @throws ADC_EXCHANGE_EMPTY, ADC_EXCHANGE_BUDGET, and what reading the files threw when none of them could be read, with no label changed;
 * what the store throws, and `owned`: what was imported before stays.
 */
export async function importLabels(
  store: LabelStore,
  { format, source, emptyIs = 'good', removeMasks = false }: ImportRequest,
  { onProgress, signal, owned }: OwnedOptions = {},
): Promise<ImportReport> {
  const reader = 'survey' in source ? source : new SourceReader(source);
  const known: AsyncIterable<Picture> = store.pictures?.() ?? store.images();
  const pictures: Picture[] = [];
  // Without masks, which a reader elsewhere would be sent as well.
  for await (const { path, width, height, category, reference, unreadable } of known)
    pictures.push({ path, width, height, category, reference, unreadable });
  const { matches, leftOut: unmatched } = await reader.survey(pictures, { format, emptyIs }, { onProgress, signal });
  const leftOut = [...unmatched];
  const leaveOut = (entry: LeftOut) => void leftOut.push(entry);
  const replaced: Replaced[] = [];
  let [images, defects] = [0, 0];
  for await (const image of reader.matched({ signal })) {
    const picture = matches.get(image.path);
    if (!picture) continue;
    signal?.throwIfAborted();
    const { path, width, height, category, reference } = picture;
    if (image.layers.length === 0 && !removeMasks && (await store.isDefective(path))) {
      leaveOut({
        path,
        reason: 'it has a defect or a mask in the project, which stays: the files list it without a region',
      });
      continue;
    }
    const layers = image.layers.filter(({ type }) => {
      const reason = store.refusal?.(type);
      if (reason !== undefined) leaveOut({ path, type, reason });
      return reason === undefined;
    });
    const some = layers.length < image.layers.length;
    if (some && layers.length === 0) continue;
    const partial = some || (image.partial ?? false);
    const put = { ...image, path, width, height, category, reference, layers, partial };
    await owned?.();
    const stored = await orLeaveOut(leaveOut, { path }, async () => ({ before: await store.put(put, { signal }) }));
    if (!stored) continue;
    if (stored.before) replaced.push(stored.before);
    images++;
    if (layers.length > 0) defects++;
    onProgress?.({ label: 'importing', done: images, total: matches.size });
  }
  return { format, source: source.path, images, defects, replaced, leftOut };
}
