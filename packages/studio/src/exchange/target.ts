/** Where an export is written: a folder beside its place that takes the name only when everything is in it. */
import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, realpath, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describeIoError, writeFileAtomic } from '@adclick/core/files';
import { leftoversAmong, moveTo, removeIfPossible, temporaryFor } from '@adclick/ortgrad';
import { z } from 'zod';
import type { Format as FormatName } from '../api.ts';
import { fail } from '../errors.ts';
import { collisionKey } from '../file-name.ts';
import { passOver, passOverIfThere } from '../log.ts';
import { nameOf, withoutEnding } from '../path-parts.ts';
import { RECORDS_FILE } from '../project/folder-names.ts';
import { jsonList, parseJson, pieces } from './json.ts';
import { safePath } from './paths.ts';
import type { Source } from './source.ts';
import type { LabelledImage, LeftOut } from './types.ts';

const KIND = 'adclick-export/1';
/** Ending of where the export before lies while the new one takes its place. */
const OLD = '.old';

const recordSchema = z.object({
  file: z.string(),
  path: z.string(),
  width: z.int().min(0).max(100_000),
  height: z.int().min(0).max(100_000),
  type: z.string().optional(),
});
const recordsSchema = z.object({ kind: z.literal(KIND), format: z.string(), files: z.array(recordSchema) });

/** Which image, and which type of defect in it, a file of an export is about. */
export type FileRecord = z.infer<typeof recordSchema>;

/** The records of an export by file; none when the files come from another tool. @throws ADC_EXCHANGE_FILE, ADC_EXCHANGE_NAME. */
export async function readRecords(source: Source, format: FormatName): Promise<Map<string, FileRecord>> {
  const records = new Map<string, FileRecord>();
  // An export may have been moved or packed together with its folder, or with other exports.
  for (const name of source.files.filter((each) => nameOf(each) === RECORDS_FILE)) {
    const file = source.display(name);
    const content = parseJson(await source.read(name), file, recordsSchema);
    if (content.format !== format) continue;
    const folder = name.slice(0, -RECORDS_FILE.length);
    for (const record of content.files)
      records.set(folder + record.file, { ...record, path: safePath(record.path, file) });
  }
  return records;
}

const guard = async <T>(path: string, work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    throw fail('ADC_DISK', { path, what: describeIoError(error) }, error);
  }
};

/** Removes what exports to a place have left that were killed. One that had moved the export before aside gives it back. */
async function tidyBeside(place: string): Promise<void> {
  // Where nothing can be read nothing can be written either, which is said then.
  const beside = await readdir(dirname(place)).catch((): string[] => []);
  const left = leftoversAmong(beside, place).map((name) => join(dirname(place), name));
  const isThere = () =>
    stat(place).then(
      () => true,
      () => false,
    );
  for (const path of left) {
    if (path.endsWith(OLD) && !(await isThere()))
      await moveTo(path, place).catch(passOver('what stood here before not put back', { path }));
    // What could not be given back is kept.
    if (!path.endsWith(OLD) || (await isThere())) await removeIfPossible(path);
  }
}

/** A folder in the making. */
export class Target {
  private readonly taken = new Map<string, string>();
  private readonly records: FileRecord[] = [];

  private constructor(
    /** Where the export will be. */
    readonly path: string,
    /** Where it is made. */
    readonly folder: string,
  ) {}

  /**
   * Begins an export.
   * @param force whether an earlier export at that place is replaced; any other folder that is not empty is left alone.
   * @throws ADC_EXPORT_EXISTS, ADC_DISK.
   */
  static async open(path: string, force = false): Promise<Target> {
    const place = await realpath(resolve(path)).catch(() => resolve(path));
    await tidyBeside(place);
    // What is there all the same is in the way of the folder that is made, which says so.
    const found = await stat(place).catch(passOverIfThere('place not looked at', { path: place }));
    if (found && !found.isDirectory()) throw fail('ADC_EXPORT_EXISTS', { path: place, what: 'is a file' });
    if (found) {
      const inside = await guard(place, readdir(place));
      const earlier = inside.includes(RECORDS_FILE) && (await isExport(join(place, RECORDS_FILE)));
      if (inside.length > 0 && !(force && earlier))
        throw fail('ADC_EXPORT_EXISTS', { path: place, what: earlier ? 'holds an earlier export' : 'is not empty' });
    }
    const folder = temporaryFor(place);
    await guard(folder, mkdir(folder, { recursive: true }));
    return new Target(place, folder);
  }

  /**
   * Why an image cannot have files of these names, if it cannot: another one has them. Upper and lower case are the same, as on many disks.
   * Formats ask before they write the first, so that an image is in the export as a whole or not at all.
   */
  refusal(...names: readonly string[]): string | undefined {
    for (const name of names) {
      const other = this.taken.get(collisionKey(name));
      if (other !== undefined) return `${other} has the same name in this format`;
    }
    return undefined;
  }

  /** Name without ending for the files of an image: that of its path; the second picture of a name keeps its ending before theirs. */
  stemFor(path: string, files: (stem: string) => readonly string[]): string {
    return [withoutEnding(path), path].find((stem) => this.refusal(...files(stem)) === undefined) ?? path;
  }

  /** Whether an image can have files of these names; else it is left out with the reason of {@link refusal}. */
  accepts(path: string, names: readonly string[], leftOut: (entry: LeftOut) => void): boolean {
    const reason = this.refusal(...names);
    if (reason !== undefined) leftOut({ path, reason });
    return reason === undefined;
  }

  /** Path on disk for a file. @throws ADC_EXCHANGE_NAME when the name is taken or unsafe. */
  private claim(name: string, image: string): string {
    const safe = safePath(name, image);
    const what = this.refusal(safe);
    if (what !== undefined) throw fail('ADC_EXCHANGE_NAME', { name: safe, path: image, what });
    this.taken.set(collisionKey(safe), image);
    return join(this.folder, safe);
  }

  /** Writes a file. @param image what it is about, for errors. @throws ADC_EXCHANGE_NAME, ADC_DISK. */
  async write(name: string, bytes: Parameters<typeof writeFileAtomic>[1], image = name): Promise<void> {
    await writeFileAtomic(this.claim(name, image), bytes);
  }

  /**
   * Copies a picture.
   * @returns why it could not be read, or undefined. @throws ADC_EXCHANGE_NAME, ADC_DISK when writing fails.
   */
  private async copy(from: string, name: string, image = name): Promise<string | undefined> {
    const to = this.claim(name, image);
    const readable = await stat(from).then(
      (found) => (found.isFile() ? undefined : 'the picture is no file'),
      (error: unknown) => `the picture cannot be read: ${describeIoError(error)}`,
    );
    if (readable !== undefined) return readable;
    await guard(to, mkdir(dirname(to), { recursive: true }));
    await guard(to, copyFile(from, to, constants.COPYFILE_FICLONE));
    return undefined;
  }

  /** Copies the picture of an image where copies are wanted; one that cannot be read is left out. @throws as {@link copy}. */
  async copyPicture(
    image: LabelledImage,
    name: string,
    { pictureOf, leftOut }: { pictureOf?: (image: LabelledImage) => string; leftOut: (entry: LeftOut) => void },
  ): Promise<void> {
    const { path } = image;
    const reason = pictureOf && (await this.copy(pictureOf(image), name, path));
    if (reason !== undefined) leftOut({ path, reason });
  }

  /** Remembers which image a file is about. */
  record(record: FileRecord): void {
    this.records.push(record);
  }

  /** Writes the records; nothing is written after that. */
  async seal(format: FormatName): Promise<void> {
    const rows = jsonList(this.records.map((record) => JSON.stringify(record)));
    const head = `{"kind":${JSON.stringify(KIND)},"format":${JSON.stringify(format)},"files":`;
    await this.write(RECORDS_FILE, pieces([head, ...rows, '}\n']));
  }

  /** Puts the export into its place. @throws ADC_DISK; what was there before is there again then. */
  async commit(): Promise<void> {
    const old = `${this.folder}${OLD}`;
    // What is there all the same is in the way of the export, which says so.
    const before = await stat(this.path).catch(passOverIfThere('place not looked at', { path: this.path }));
    const empty =
      before &&
      (await rmdir(this.path).then(
        () => true,
        () => false,
      ));
    const replaces = before !== undefined && !empty;
    if (replaces) await guard(this.path, moveTo(this.path, old));
    try {
      await guard(this.path, moveTo(this.folder, this.path));
    } catch (error) {
      if (replaces) await moveTo(old, this.path).catch(passOver('what stood here before not put back', { path: old }));
      else if (empty) await mkdir(this.path).catch(passOver('empty folder not put back', { path: this.path }));
      throw error;
    }
    if (replaces) await removeIfPossible(old);
  }

  /** Removes what was made. */
  async discard(): Promise<void> {
    await removeIfPossible(this.folder);
  }
}

async function isExport(path: string): Promise<boolean> {
  const head = await readFile(path, 'utf8').catch(() => '');
  return head.startsWith(`{"kind":${JSON.stringify(KIND)}`);
}
