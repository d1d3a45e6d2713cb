/** Where labels are kept, as a port, and the store of projects whose labels are mask files in folders. */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { decodeRle, encodeRle, fail as failCore, readImageSize, readMask, writeMask } from '@adclick/core';
import { fail } from '../errors.ts';
import { fileName } from '../file-name.ts';
import type { Project } from '../project.ts';
import { isFolder, isGoodName, picturesIn } from '../services/layout.ts';
import { type Category, categoriesOf } from '../services/projects.ts';
import { folderOf, nameOf, withoutEnding } from './paths.ts';
import { RECORDS_FILE } from './target.ts';
import type { LabelledImage, LeftOut, TypedLayer } from './types.ts';

/** A picture that labels can be put to. */
export type Picture = Pick<LabelledImage, 'path' | 'width' | 'height' | 'category' | 'reference'>;

/** Everything that exchange needs of wherever labels are kept. */
export interface LabelStore {
  /** All images of the project with what is known of them. */
  images(): AsyncIterable<LabelledImage>;
  /** Whether an image is known to have a defect, with a mask or without. */
  isDefective(path: string): Promise<boolean>;
  /** Replaces everything that is known of an image; of a partial one, only the types that it brings. */
  put(image: LabelledImage): Promise<void>;
  /** The images without their layers, where that is cheaper. */
  pictures?(): AsyncIterable<Picture>;
  /** Labels of which no image is known. */
  unmatched?(): Promise<readonly LeftOut[]>;
}

const GOOD = 'good';
const ENDING = '_mask';

/** A picture on disk. */
interface Entry {
  readonly path: string;
  readonly category: string;
  readonly reference: boolean;
  /** Whether its folder says that it is good. */
  readonly good: boolean;
  /** Mask files by type, relative to the project. */
  readonly masks: Map<string, string>;
}

/** Folder of a category's masks, relative to the project: as the project says, else beside its test or train folder. */
function maskFolder({ settings }: Category): string {
  if (settings.masks !== undefined) return settings.masks.replace(/\/+$/, '');
  const beside = folderOf(settings.test[0] ?? folderOf(settings.good[0] ?? ''));
  return beside === '' || beside === '.' ? 'ground_truth' : `${beside}/ground_truth`;
}

async function picturesBelow(root: string, folder: string): Promise<string[]> {
  // An export of ours holds copies.
  if (existsSync(join(root, folder, RECORDS_FILE))) return [];
  const found = (await picturesIn(join(root, folder))).map((name) => (folder === '.' ? name : `${folder}/${name}`));
  for (const entry of await readdir(join(root, folder), { withFileTypes: true }))
    if (entry.isDirectory() && !entry.name.startsWith('.'))
      for (const path of await picturesBelow(root, folder === '.' ? entry.name : `${folder}/${entry.name}`))
        found.push(path);
  return found.sort();
}

/** The pictures of one category, and which of them a mask file belongs to. */
class Owners {
  private readonly exact = new Map<string, Entry>();
  private readonly byStem = new Map<string, Entry[]>();

  constructor(entries: readonly Entry[]) {
    for (const entry of entries) {
      const stem = nameOf(withoutEnding(entry.path));
      this.exact.set(`${nameOf(folderOf(entry.path))}/${stem}`, entry);
      this.byStem.set(stem, [...(this.byStem.get(stem) ?? []), entry]);
      if (entry.path.includes('/')) this.byStem.set(longName(entry.path), [entry]);
    }
  }

  /** As in MVTec AD the picture of that name in the folder of that type; else the only one that has the name. */
  find(type: string, stem: string): Entry | undefined {
    const named = this.byStem.get(stem);
    return this.exact.get(`${type}/${stem}`) ?? (named?.length === 1 ? named[0] : undefined);
  }

  /** Name for a mask: short where that is found again, with the picture's folders where it is not. */
  nameFor(entry: Entry, type: string): string {
    const short = nameOf(withoutEnding(entry.path));
    return this.find(type, short) === entry ? short : longName(entry.path);
  }
}

const longName = (path: string) => withoutEnding(path).replaceAll('/', '__');

/**
 * Labels as mask files, `<masks>/<type>/<name>_mask.png`, in the folders that a project names. A picture is good when its folder says so
 * or when there is an empty mask for it in `<masks>/good`.
 */
export class MaskFolderStore implements LabelStore {
  private readonly owners = new Map<string, Owners>();
  private readonly orphans: LeftOut[] = [];

  private constructor(
    private readonly project: Project,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** Looks at the folders of a project. @throws ADC_FOLDER_MISSING. */
  static async open(project: Project): Promise<MaskFolderStore> {
    const { root } = project;
    const entries = new Map<string, Entry>();
    for (const category of categoriesOf(project)) {
      const add = (path: string, reference: boolean) => {
        if (entries.has(path)) return;
        const good = reference || isGoodName(nameOf(folderOf(path)));
        entries.set(path, { path, category: category.name, reference, good, masks: new Map() });
      };
      const folders = [...category.settings.good, ...category.settings.test];
      for (const folder of folders)
        if (!(await isFolder(resolve(root, folder)))) throw fail('ADC_FOLDER_MISSING', { path: resolve(root, folder) });
      for (const folder of category.settings.good)
        for (const name of await picturesIn(join(root, folder))) add(folder === '.' ? name : `${folder}/${name}`, true);
      for (const folder of category.settings.test)
        for (const path of await picturesBelow(root, folder)) add(path, false);
    }
    const store = new MaskFolderStore(project, entries);
    for (const category of categoriesOf(project)) await store.findMasks(category);
    return store;
  }

  private async findMasks(category: Category): Promise<void> {
    const { root } = this.project;
    const owners = new Owners([...this.entries.values()].filter((entry) => entry.category === category.name));
    this.owners.set(category.name, owners);
    const folder = maskFolder(category);
    if (!(await isFolder(join(root, folder)))) return;
    for (const found of await readdir(join(root, folder), { withFileTypes: true })) {
      if (!found.isDirectory() || found.name.startsWith('.')) continue;
      const type = found.name;
      for (const name of await picturesIn(join(root, folder, type))) {
        const path = `${folder}/${type}/${name}`;
        const owner = owners.find(type, withoutEnding(name).replace(/_mask$/, ''));
        if (owner && !owner.masks.has(type)) {
          owner.masks.set(type, path);
          continue;
        }
        const reason = owner ? `${owner.path} has another mask` : 'there is no picture for it, or several of that name';
        this.orphans.push({ path, type, reason });
      }
    }
  }

  async unmatched(): Promise<readonly LeftOut[]> {
    return this.orphans;
  }

  async *pictures(): AsyncIterable<Picture> {
    for (const { path, category, reference } of this.entries.values())
      yield { path, category, reference, ...(await readImageSize(join(this.project.root, path))) };
  }

  async *images(): AsyncIterable<LabelledImage> {
    for await (const picture of this.pictures()) yield this.labelled(picture);
  }

  async isDefective(path: string): Promise<boolean> {
    const masks = [...(this.entries.get(path)?.masks.keys() ?? [])];
    return masks.some((type) => type !== GOOD);
  }

  /** What the mask files say of one picture. */
  async labelled(picture: Picture): Promise<LabelledImage> {
    const entry = this.entries.get(picture.path);
    const layers: TypedLayer[] = [];
    for (const [type, file] of entry?.masks ?? []) {
      if (type === GOOD) continue;
      const { data, width, height } = await readMask(join(this.project.root, file), picture);
      const rle = encodeRle(data, width, height);
      if (rle.counts.length > 0) layers.push({ type, rle });
    }
    const good = entry !== undefined && (entry.good || entry.masks.has(GOOD));
    return { ...picture, layers, state: layers.length > 0 ? 'defect' : good ? 'good' : 'todo' };
  }

  async put({ path, width, height, state, layers }: LabelledImage): Promise<void> {
    const { root } = this.project;
    const entry = this.entries.get(path);
    if (!entry) throw failCore('ADC_IMAGE_MISSING', { path: join(root, path) });
    const category = categoriesOf(this.project, entry.category)[0] as Category;
    const owners = this.owners.get(entry.category) as Owners;
    const wanted = new Map(layers.map(({ type, rle }) => [type, decodeRle(rle)]));
    for (const type of wanted.keys())
      if (fileName(type) !== type || type === GOOD)
        throw fail('ADC_EXCHANGE_NAME', { name: JSON.stringify(type), path, what: 'a folder of masks cannot have it' });
    if (state === 'good' && !entry.good) wanted.set(GOOD, new Uint8Array(width * height));
    const folder = maskFolder(category);
    for (const [type, data] of wanted) {
      const file = entry.masks.get(type) ?? `${folder}/${type}/${owners.nameFor(entry, type)}${ENDING}.png`;
      await writeMask(join(root, file), { data, width, height, channels: 1 });
      entry.masks.set(type, file);
    }
    for (const [type, file] of [...entry.masks])
      if (!wanted.has(type)) {
        if (existsSync(join(root, file))) await rm(join(root, file));
        entry.masks.delete(type);
      }
  }
}
