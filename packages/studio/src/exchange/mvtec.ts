/** MVTec AD folders: a PNG mask a picture and type. An image with several types stands in the folder of each of them. */
import { decodeMask, decodeRle, encodeMask, encodeRle, type Rle } from '@adclick/core';
import { fail } from '../errors.ts';
import { fileName } from '../file-name.ts';
import { checkSize, wrong } from './painter.ts';
import { endingOf, folderOf, nameOf, safePath, withoutEnding } from './paths.ts';
import { filesEnding, type Source } from './source.ts';
import { readRecords, type Target } from './target.ts';
import type { Format, LabelledImage, TypedLayer, WriteOptions } from './types.ts';

const GOOD = 'good';
const PICTURE_ENDINGS = ['.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp', '.webp'] as const;

/** Gives folders to types and names to pictures, each only once whatever the case of its letters. */
class Namer {
  private readonly folders = new Map<string, string>();
  private readonly taken = new Set<string>();

  private free(wanted: string): string {
    const key = (name: string) => name.normalize('NFC').toLowerCase();
    let name = wanted;
    for (let i = 2; this.taken.has(key(name)); i++) name = `${wanted}_${i}`;
    this.taken.add(key(name));
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
    const key = `${folder}/${own}`.normalize('NFC').toLowerCase();
    const wanted = this.taken.has(key) ? fileName(withoutEnding(path).replaceAll('/', '_')) : own;
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
  const copy = async (to: string) => {
    const missing = options.pictureOf && (await target.copy(options.pictureOf(image), to, path));
    if (missing) options.leftOut({ path, reason: missing });
  };
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
  readonly size?: { readonly width: number; readonly height: number };
}

/** Masks by the path of their image, good images, and pictures with a defect but without a mask. */
async function survey(source: Source) {
  const records = await readRecords(source, 'mvtec');
  const pictures = filesEnding(source, ...PICTURE_ENDINGS);
  const byStem = new Map(pictures.map((name) => [withoutEnding(name), name]));
  const masks = new Map<string, MaskFile[]>();
  const good = new Map<string, { width: number; height: number; reference: boolean }>();
  const covered = new Set<string>();
  for (const file of pictures) {
    const [, before, type, name] = /^(|.*\/)ground_truth\/([^/]+)\/([^/]+)$/.exec(file) ?? [];
    if (before === undefined) continue;
    const stem = `${before}test/${type}/${withoutEnding(name).replace(/_mask$/, '')}`;
    covered.add(stem);
    const record = records.get(file);
    const path = record?.path ?? safePath(byStem.get(stem) ?? `${stem}.png`, source.path);
    const size = record && { width: record.width, height: record.height };
    const entry = { file, type: record?.type ?? type, ...(size ? { size } : {}) };
    const list = masks.get(path);
    if (list) list.push(entry);
    else masks.set(path, [entry]);
  }
  const missing: string[] = [];
  for (const file of pictures) {
    const [, half, type] = /(?:^|\/)(train|test)\/([^/]+)\/[^/]+$/.exec(file) ?? [];
    if (type === undefined || records.has(file) || /(^|\/)ground_truth\//.test(file)) continue;
    if (type === GOOD) good.set(safePath(file, source.path), { width: 0, height: 0, reference: half === 'train' });
    else if (!covered.has(withoutEnding(file))) missing.push(file);
  }
  for (const { file, path, type, width, height } of records.values())
    if (type === undefined) good.set(path, { width, height, reference: /(^|\/)train\/good\//.test(file) });
  return { masks, good, missing };
}

async function readLayers(source: Source, path: string, files: readonly MaskFile[]): Promise<LabelledImage> {
  const layers: TypedLayer[] = [];
  let first: Rle | undefined;
  for (const { file, type, size } of files) {
    const display = source.display(file);
    const want = first ?? size;
    const mask = await decodeMask(await source.read(file), display, want);
    checkSize(mask.width, mask.height, { file: display, field: 'size' });
    if (layers.some((layer) => layer.type === type))
      throw wrong({ file: display, field: 'the whole file' }, `it is the second mask of ${type} for ${path}`);
    first = encodeRle(mask.data, mask.width, mask.height);
    if (first.counts.length > 0) layers.push({ type, rle: first });
  }
  const { width = 0, height = 0 } = first ?? {};
  return { path, width, height, state: layers.length > 0 ? 'defect' : 'good', layers };
}

export const mvtec: Format = {
  name: 'mvtec',
  describe: 'MVTec AD folders with PNG masks',
  exactness: 'exact',

  async write(images, target, options) {
    const namer = new Namer();
    for await (const image of images) await writeImage(image, target, namer, options);
  },

  async *read(source, { leftOut }) {
    const { masks, good, missing } = await survey(source);
    if (masks.size === 0 && good.size === 0) {
      const what = 'there is neither ground_truth/<type>/<name>_mask.png nor test/good';
      throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what });
    }
    for (const path of missing) leftOut({ path, type: nameOf(folderOf(path)), reason: 'there is no mask for it' });
    for (const [path, files] of masks) {
      if (good.has(path))
        throw fail('ADC_EXCHANGE_NAME', { name: path, path: source.path, what: 'it is good and has masks' });
      yield await readLayers(source, path, files);
    }
    for (const [path, { width, height, reference }] of good)
      yield { path, width, height, state: 'good', layers: [], ...(reference ? { reference } : {}) };
  },
};
