/** MVTec AD folders: a PNG mask a picture and type. An image with several types stands in the folder of each of them. */
import type { Mask } from '@adclick/core';
import { IMAGE_EXTENSIONS } from '@adclick/core/files';
import { decodeRle } from '@adclick/core/geometry';
import { decodeMask, encodeMask, imageSize } from '@adclick/core/image';
import { fail } from '../errors.ts';
import { collisionKey, fileName } from '../file-name.ts';
import { endingOf, folderOf, nameOf, withoutEnding } from '../path-parts.ts';
import type { Format, ReadOptions, WriteOptions } from './format.ts';
import { safePath } from './paths.ts';
import { isUnreadKind, UNREAD_KIND } from './pictures.ts';
import { ImageReader, orLeaveOut, unpainted } from './reading.ts';
import { filesEnding, type Source } from './source.ts';
import { type FileRecord, readRecords, type Target } from './target.ts';
import type { LabelledImage } from './types.ts';

const GOOD = 'good';

/** Gives folders to types and names to pictures, each only once whatever the case of its letters. */
class Namer {
  private readonly folders = new Map<string, string>();
  private readonly taken = new Set<string>();

  private free(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.taken.has(collisionKey(name)); i++) name = `${wanted}_${i}`;
    this.taken.add(collisionKey(name));
    return name;
  }

  /** Folder of a type in a category. */
  folder(category: string, type: string): string {
    const id = `${category}\n${type}`;
    let found = this.folders.get(id);
    if (found === undefined) {
      const name = fileName(type);
      // "good" is the folder of good pictures, so that a type cannot have it.
      found = nameOf(this.free(`${category}/${name.toLowerCase() === GOOD ? `${name}_` : name}`));
      this.folders.set(id, found);
    }
    return found;
  }

  /** Name without ending for a picture: its own, or with the folders it comes from where that is taken. */
  name(folder: string, path: string): string {
    const own = fileName(nameOf(withoutEnding(path)));
    const wanted = this.taken.has(collisionKey(`${folder}/${own}`))
      ? fileName(withoutEnding(path).replaceAll('/', '_'))
      : own;
    return nameOf(this.free(`${folder}/${wanted}`));
  }
}

/** Category of an image: what it says, or the folder that holds `train` or `test`. */
function categoryOf({ path, category }: LabelledImage, otherwise: string): string {
  return fileName(category ?? /(?:^|\/)([^/]+)\/(?:train|test)\//.exec(path)?.[1] ?? otherwise);
}

const isReference = ({ reference, path }: LabelledImage) => reference ?? /(^|\/)train\/good\//.test(path);

async function writeImage(image: LabelledImage, target: Target, namer: Namer, options: WriteOptions): Promise<void> {
  const { path, width, height, layers } = image;
  const category = categoryOf(image, options.category ?? 'product');
  const ending = endingOf(path);
  const copy = (to: string) => target.copyPicture(image, to, options);
  if (layers.length === 0) {
    const folder = `${category}/${isReference(image) ? 'train' : 'test'}/${GOOD}`;
    const file = `${folder}/${namer.name(folder, path)}${ending}`;
    target.record({ file, path, width, height });
    await copy(file);
    return;
  }
  for (const { type, rle } of layers) {
    const folder = namer.folder(category, type);
    const name = namer.name(`${category}/test/${folder}`, path);
    const file = `${category}/ground_truth/${folder}/${name}_mask.png`;
    await target.write(file, await encodeMask({ data: decodeRle(rle), width, height, channels: 1 }), path);
    target.record({ file, path, width, height, type });
    await copy(`${category}/test/${folder}/${name}${ending}`);
  }
}

/** A mask to read. */
interface MaskFile {
  readonly file: string;
  readonly type: string;
  readonly record?: FileRecord;
}

/** A mask's place: `ground_truth/<type>/<name>_mask.png`, or as in MVTec LOCO AD a folder of masks, `ground_truth/<type>/<name>/000.png`. */
const MASK_PATH = /^(|.*\/)ground_truth\/([^/]+)\/([^/]+)(?:\/[^/]+)?$/i;
const AMONG_MASKS = /(^|\/)ground_truth\//i;
const PICTURE_PATH = /(?:^|\/)(train|validation|test)\/([^/]+)\/[^/]+$/i;

/** The pictures of a folder by name, and by name without ending. */
class Pictures {
  private readonly names: ReadonlySet<string>;
  private readonly byStem = new Map<string, string[]>();

  constructor(names: readonly string[]) {
    this.names = new Set(names);
    for (const name of names) {
      const stem = withoutEnding(name);
      const list = this.byStem.get(stem);
      if (list) list.push(name);
      else this.byStem.set(stem, [name]);
    }
  }

  /**
   * The picture that a mask's name speaks of, with its ending or without; the name itself where there is none.
   * @throws ADC_EXCHANGE_NAME when there are several.
   */
  find(name: string, file: string): string {
    if (this.names.has(name)) return name;
    const [first, second] = this.byStem.get(name) ?? [];
    if (first === undefined) return name;
    if (second === undefined) return first;
    throw fail('ADC_EXCHANGE_NAME', { name, path: file, what: `it could be the mask of ${first} and of ${second}` });
  }
}

/** Masks by the path of their image, good images, and pictures with a defect but without a mask. */
async function survey(source: Source, leftOut: ReadOptions['leftOut']) {
  const records = await readRecords(source, 'mvtec');
  const files = filesEnding(source, ...IMAGE_EXTENSIONS);
  const pictures = new Pictures(files);
  const masks = new Map<string, MaskFile[]>();
  const good = new Map<string, { width: number; height: number; reference: boolean }>();
  const covered = new Set<string>();
  for (const file of files) {
    const [, before, type, name] = MASK_PATH.exec(file) ?? [];
    if (before === undefined) {
      if (AMONG_MASKS.test(file)) leftOut({ path: file, reason: 'it lies in no folder that names its type of defect' });
      continue;
    }
    const record = records.get(file);
    const of = file.endsWith(`/${name}`) ? withoutEnding(name).replace(/_mask$/i, '') : name;
    const path = await orLeaveOut(leftOut, { path: file, type }, () => {
      const picture = pictures.find(`${before}test/${type}/${of}`, source.display(file));
      return record?.path ?? safePath(picture, source.path);
    });
    // Whatever was wrong with the mask, its pictures are spoken of.
    covered.add(`${before}test/${type}/${of}`).add(`${before}test/${type}/${withoutEnding(of)}`);
    if (path === undefined) continue;
    const list = masks.get(path);
    const entry = { file, type: record?.type ?? type, ...(record ? { record } : {}) };
    if (list) list.push(entry);
    else masks.set(path, [entry]);
  }
  for (const file of source.files)
    if (AMONG_MASKS.test(file) && isUnreadKind(file)) leftOut({ path: file, reason: UNREAD_KIND });
  const missing: string[] = [];
  for (const file of files) {
    const [, half, type] = PICTURE_PATH.exec(file) ?? [];
    if (type === undefined || records.has(file) || AMONG_MASKS.test(file)) continue;
    if (type.toLowerCase() === GOOD) {
      const path = await orLeaveOut(leftOut, { path: file }, () => safePath(file, source.path));
      if (path !== undefined) good.set(path, { width: 0, height: 0, reference: half?.toLowerCase() === 'train' });
    } else if (!covered.has(withoutEnding(file)) && !covered.has(file)) missing.push(file);
  }
  for (const { file, path, type, width, height } of records.values())
    if (type === undefined) good.set(path, { width, height, reference: /(^|\/)train\/good\//.test(file) });
  return { masks, good, missing, empty: covered.size === 0 && good.size === 0 };
}

/** The masks of one image that can be read, by file; all have the size of the first. */
async function readMasks(
  source: Source,
  path: string,
  files: readonly MaskFile[],
  { leftOut, fits, budget }: ReadOptions,
): Promise<Map<MaskFile, Mask> | LabelledImage> {
  const read = new Map<MaskFile, Mask>();
  const size = files.find(({ record }) => record !== undefined)?.record;
  let strange: LabelledImage | undefined;
  for (const entry of files) {
    const display = source.display(entry.file);
    budget?.begin(display);
    const mask = await orLeaveOut(leftOut, { path, type: entry.type }, async () => {
      const bytes = await source.read(entry.file);
      const { width, height } = imageSize(bytes, display);
      if (read.size === 0 && !(fits?.(path, width, height) ?? true)) strange ??= unpainted(path, width, height);
      if (strange) return undefined;
      budget?.spend(width * height);
      return decodeMask(bytes, display, size ?? read.values().next().value);
    });
    if (strange) return strange;
    if (mask) read.set(entry, mask);
  }
  return read;
}

/** Sets in one bitmap what is set in another. @returns how many pixels that are. */
function paint(from: Uint8Array, to: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < from.length; i++) {
    if (!from[i]) continue;
    count++;
    to[i] = 1;
  }
  return count;
}

/** An empty mask in the folder of good pictures says that a picture is good; the labels of a project are kept so. */
const marksGood = ({ type, record }: MaskFile) => type === GOOD && record === undefined;

async function readLayers(
  source: Source,
  path: string,
  files: readonly MaskFile[],
  options: ReadOptions,
): Promise<LabelledImage | undefined> {
  const { leftOut } = options;
  const read = await readMasks(source, path, files, options);
  if ('path' in read) return read;
  const [first] = read.values();
  if (first === undefined) return undefined;
  const { width, height } = first;
  if (files.every(marksGood)) {
    if ([...read.values()].every(({ data }) => !data.includes(1)))
      return { path, width, height, state: 'good', layers: [] };
    leftOut({ path, reason: 'its mask marks a defect, but lies in the folder of good pictures' });
    return undefined;
  }
  if (files.some(marksGood)) {
    leftOut({ path, reason: 'it has a mask of a defect and another one in the folder of good pictures' });
    return undefined;
  }
  const reader = new ImageReader(path, width, height, { file: source.path, field: path }, options);
  for (const [{ file, type }, { data }] of read)
    await reader.annotation({ file, field: file }, type, (painter, name) => paint(data, painter.bitmap(name)));
  const image = reader.finish();
  return image && read.size < files.length ? { ...image, partial: true } : image;
}

export const mvtec: Format = {
  name: 'mvtec',
  describe: 'MVTec AD folders with PNG masks',
  exactness: 'exact',

  async write(images, target, options) {
    const namer = new Namer();
    for await (const image of images) await writeImage(image, target, namer, options);
  },

  async *read(source, options) {
    const { leftOut } = options;
    const { masks, good, missing, empty } = await survey(source, leftOut);
    if (empty) {
      const what = 'there is neither ground_truth/<type>/<name>_mask.png nor test/good';
      throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what });
    }
    for (const path of missing) leftOut({ path, type: nameOf(folderOf(path)), reason: 'there is no mask for it' });
    for (const [path, files] of masks) {
      if (good.delete(path)) {
        leftOut({ path, reason: 'it stands among the good pictures and has masks' });
        continue;
      }
      const image = await orLeaveOut(leftOut, { path }, () => readLayers(source, path, files, options));
      if (image) yield image;
    }
    for (const [path, { width, height, reference }] of good)
      yield { path, width, height, state: 'good', layers: [], ...(reference ? { reference } : {}) };
  },
};
