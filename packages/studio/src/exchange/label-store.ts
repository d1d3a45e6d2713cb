/** Where labels are kept, as a port, and the store of projects whose labels are mask files in folders. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readMask, writeMask } from '@adclick/core';
import { fail as failCore } from '@adclick/core/errors';
import { fromStored, nameKey, toStored, writeFileAtomic } from '@adclick/core/files';
import { decodeRle, encodeRle } from '@adclick/core/geometry';
import { readImageSize } from '@adclick/core/image';
import { removeLeftovers } from '@adclick/ortgrad';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { fail } from '../errors.ts';
import { fileName } from '../file-name.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { endingOf, folderOf, nameOf, withoutEnding, withoutSlashes } from '../path-parts.ts';
import { type Category, categoriesOf, entryFolder } from '../project/categories.ts';
import { findGood, findLabelled } from '../project/category-pictures.ts';
import { isGoodName, isPictureName } from '../project/folder-names.ts';
import { liesAmongGood, placedMasks, typeByFolder } from '../project/mask-files.ts';
import type { Project } from '../project/project.ts';
import { MaskOwners } from './mask-owners.ts';
import { orLeaveOut } from './reading.ts';
import type { LabelledImage, LeftOut, Replaced, TypedLayer } from './types.ts';

/** A picture that labels can be put to. */
export type Picture = Pick<LabelledImage, 'path' | 'width' | 'height' | 'category' | 'reference'> & {
  /** Why it cannot be read; its size is 0 then. Labels for it are left out, and not put to another of its name. */
  readonly unreadable?: string;
};

/** Everything that exchange needs of wherever labels are kept. */
export interface LabelStore {
  /** All images of the project with what is known of them. */
  images(): AsyncIterable<LabelledImage>;
  /** Whether an image is known to have a defect, or has a mask, or one that could be its. */
  isDefective(path: string): Promise<boolean>;
  /**
   * Replaces everything that is known of an image; of a partial one, only the types that it brings.
   * @returns what it has replaced: undefined when there was no other mask.
   * @throws ADC_IN_USE when somebody else writes that image all the time, ADC_EXCHANGE_…, ADC_IMAGE_… and ADC_MASK_… when it cannot be put
   *   there: others can.
   */
  put(image: LabelledImage, options?: WorkOptions): Promise<Replaced | undefined>;
  /** Why it cannot hold a defect type, if it cannot. */
  refusal?(type: string): string | undefined;
  /** The images without their layers, where that is cheaper, and those that cannot be read. */
  pictures?(): AsyncIterable<Picture>;
  /** Labels of which no image is known, and those that could not be read since the store was opened. */
  unmatched?(): Promise<readonly LeftOut[]>;
}

const GOOD = 'good';
const ENDING = '_mask';
/** Folder of mask files that imports have replaced, beside the caches. */
const REPLACED_FOLDER = 'replaced';

/** A picture on disk. */
interface Entry {
  readonly path: string;
  readonly category: string;
  readonly reference: boolean;
  /** Whether its folder says that it is good. */
  readonly good: boolean;
  /** Mask files by type, relative to the project. Several where a folder holds them. */
  readonly masks: Map<string, readonly string[]>;
  /** Types of masks whose place names none: without pixels they say that the picture is good. */
  readonly unsaid: Set<string>;
}

/** Folder of a category's masks, relative to the project: as the project says, else beside its test or train folder. */
function maskFolder({ settings }: Category): string {
  if (settings.masks !== undefined) return withoutSlashes(settings.masks);
  const [test] = settings.test.map((entry) => (isPictureName(entry) ? folderOf(entry) : entryFolder(entry)));
  const beside = folderOf(test ?? folderOf(settings.good[0] ?? ''));
  return beside === '' || beside === '.' ? 'ground_truth' : `${beside}/ground_truth`;
}

/** The one of the folders that a pattern stands for that lies with a picture. */
function nearFolder(masks: string, picture: string): string {
  const parts = picture.split('/');
  return masks
    .split('/')
    .map((part, i) => (part.includes('*') ? (parts[i] ?? 'masks') : part))
    .join('/');
}

/**
 * Labels as mask files, `<masks>/<type>/<name>_mask.png` or wherever else {@link placedMasks} finds them. A picture is good when its folder says so
 * or when there is an empty mask for it in `<masks>/good`.
 */
export class MaskFolderStore implements LabelStore {
  private readonly owners = new Map<string, MaskOwners<Entry>>();
  private readonly orphans: LeftOut[] = [];
  /** Pictures that a mask could be of which could be of another one, too. */
  private readonly doubtful = new Set<string>();
  /** What could not be read of labels and pictures, each once. */
  private readonly flaws = new Map<string, LeftOut>();
  /** Folder for what is replaced, relative to the project; one for each store that is opened. */
  private readonly keep = `${CACHE_FOLDER}/${REPLACED_FOLDER}/${new Date().toISOString().replaceAll(':', '-')}`;

  private readonly tidied = new Set<string>();

  private constructor(
    private readonly project: Project,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** Looks at the folders of a project. @throws ADC_FOLDER_MISSING. */
  static async open(project: Project): Promise<MaskFolderStore> {
    const { root } = project;
    const entries = new Map<string, Entry>();
    for (const category of categoriesOf(project)) {
      const add = (file: string, reference: boolean) => {
        const path = toStored(root, file);
        if (entries.has(path)) return;
        const good = reference || liesAmongGood(path);
        entries.set(path, { path, category: category.name, reference, good, masks: new Map(), unsaid: new Set() });
      };
      for (const { path } of (await findGood(project, category)).pictures) add(path, true);
      if (category.settings.test.length > 0)
        for (const { path } of (await findLabelled(project, category)).pictures) add(path, false);
    }
    const store = new MaskFolderStore(project, entries);
    for (const category of categoriesOf(project)) await store.findMasks(category);
    return store;
  }

  private async findMasks(category: Category): Promise<void> {
    const entries = [...this.entries.values()].filter((entry) => entry.category === category.name);
    const owners = new MaskOwners(entries);
    this.owners.set(category.name, owners);
    const paths = entries.map(({ path }) => path);
    for (const mask of await placedMasks(this.project, category, paths, maskFolder(category))) {
      const said = mask.type === undefined ? undefined : nameKey(mask.type);
      const beside = mask.picture === undefined ? undefined : this.entries.get(mask.picture);
      const owner = beside ?? owners.find(said ?? '', mask.name, said === undefined);
      const leaveOut = (type: string | undefined, reason: string) => {
        for (const path of mask.paths) this.orphans.push({ path, ...(type === undefined ? {} : { type }), reason });
      };
      if (typeof owner === 'string') {
        leaveOut(said, owner);
        if (said === undefined || !isGoodName(said)) this.doubt(entries, mask.name);
        continue;
      }
      const isGood = said !== undefined && owner.good && isGoodName(said);
      const type = isGood ? GOOD : (said ?? nameKey(typeByFolder(owner.path, category)));
      if (owner.masks.has(type)) {
        leaveOut(type, `${owner.path} has another mask`);
        continue;
      }
      owner.masks.set(type, mask.paths);
      if (said === undefined) owner.unsaid.add(type);
    }
  }

  /** Remembers the pictures that a mask's name speaks of though it belongs to none. */
  private doubt(entries: readonly Entry[], mask: string): void {
    for (const { path, good } of entries) {
      const names = [nameOf(path), withoutEnding(nameOf(path))];
      if (!good && names.some((name) => nameKey(name) === nameKey(mask))) this.doubtful.add(path);
    }
  }

  async unmatched(): Promise<readonly LeftOut[]> {
    return [...this.orphans, ...this.flaws.values()];
  }

  private readonly flaw = (entry: LeftOut): void => {
    this.flaws.set(JSON.stringify([entry.path, entry.type ?? null]), entry);
  };

  /** Paths of all pictures, relative to the project. */
  paths(): Iterable<string> {
    return this.entries.keys();
  }

  async *pictures(): AsyncIterable<Picture> {
    for (const { path, category, reference, good, masks } of this.entries.values()) {
      const labelled = good || masks.size > 0;
      let unreadable = '';
      const leaveOut = (entry: LeftOut) => {
        unreadable = entry.reason;
        if (labelled) this.flaw(entry);
      };
      const size = await orLeaveOut(leaveOut, { path }, () => readImageSize(fromStored(this.project.root, path)));
      if (size) yield { path, category, reference, ...size };
      else yield { path, category, reference, width: 0, height: 0, unreadable };
    }
  }

  async *images(): AsyncIterable<LabelledImage> {
    for await (const picture of this.pictures()) if (picture.unreadable === undefined) yield this.labelled(picture);
  }

  async isDefective(path: string): Promise<boolean> {
    const masks = [...(this.entries.get(path)?.masks.keys() ?? [])];
    return masks.some((type) => type !== GOOD) || this.doubtful.has(path);
  }

  /** What the mask files say of one picture. Those that cannot be read, or say nothing, are told by {@link unmatched}. */
  async labelled(picture: Picture): Promise<LabelledImage> {
    const { path } = picture;
    const entry = this.entries.get(path);
    const layers: TypedLayer[] = [];
    let good = entry?.good ?? false;
    for (const [type, files] of entry?.masks ?? []) {
      const about = type === GOOD ? { path } : { path, type };
      const data = await orLeaveOut(this.flaw, about, () => this.pixels(files, picture));
      if (!data) continue;
      const marks = data.includes(1);
      const unsaid = entry?.unsaid.has(type) ?? false;
      if ((type === GOOD || unsaid) && !marks) good = true;
      else if (unsaid && entry?.reference)
        this.flaw({ ...about, reason: `its mask ${files[0]} marks a defect in a good picture` });
      else if (type !== GOOD && marks) layers.push({ type, rle: encodeRle(data, picture.width, picture.height) });
      else {
        const reason = marks ? 'marks a defect, but lies in the folder of good pictures' : 'has no pixel set';
        this.flaw({ ...about, reason: `its mask ${files[0]} ${reason}` });
      }
    }
    return { ...picture, layers, state: layers.length > 0 ? 'defect' : good ? 'good' : 'todo' };
  }

  /** Pixels that some of the files mark. @throws what {@link readMask} throws. */
  private async pixels(files: readonly string[], size: Picture): Promise<Uint8Array> {
    const all = new Uint8Array(size.width * size.height);
    for (const file of files) {
      const { data } = await readMask(fromStored(this.project.root, file), size);
      for (let i = 0; i < data.length; i++) if (data[i] === 1) all[i] = 1;
    }
    return all;
  }

  refusal(type: string): string | undefined {
    if (fileName(type) === nameKey(type) && type.toLowerCase() !== GOOD) return undefined;
    return `a folder of masks cannot be called ${JSON.stringify(type)}`;
  }

  /** New masks are written before old ones are removed: whenever it ends, the picture has one or the other. */
  async put(image: LabelledImage): Promise<Replaced | undefined> {
    const { path, width, height, state, layers, partial = false } = image;
    const { root } = this.project;
    const entry = this.entries.get(path);
    if (!entry) throw failCore('ADC_IMAGE_MISSING', { path: fromStored(root, path) });
    const wanted = new Map<string, Uint8Array>();
    for (const { type, rle } of layers) {
      // A name in two Unicode forms is one type.
      const other = wanted.get(nameKey(type));
      const data = decodeRle(rle);
      wanted.set(nameKey(type), other ? data.map((set, i) => set | other[i]) : data);
    }
    for (const type of wanted.keys()) {
      const what = this.refusal(type);
      if (what !== undefined) throw fail('ADC_EXCHANGE_NAME', { name: JSON.stringify(type), path, what });
    }
    if (state === 'good' && !entry.good) wanted.set(GOOD, new Uint8Array(width * height));
    const before = [...entry.masks];
    let kept: Replaced | undefined;
    for (const [type, data] of wanted) {
      const old = entry.masks.get(type) ?? [];
      if (old.length > 0 && (await this.holds(old, { ...image, width, height }, data))) continue;
      const file = this.maskFile(entry, type, old);
      // What stands there without being known for a mask of this picture goes as well.
      const gone = new Set([...old, file]);
      if (!(await this.areEmpty(gone))) kept = await this.keepOld(path, [...gone]);
      await this.tidy(dirname(fromStored(root, file)));
      await writeMask(fromStored(root, file), { data, width, height, channels: 1 });
      entry.masks.set(type, [file]);
      for (const other of old) if (other !== file) await rm(fromStored(root, other), { force: true });
    }
    for (const [type, files] of before) {
      if (wanted.has(type) || (partial && type !== GOOD)) continue;
      // An empty mask beside a good picture says just that.
      const none = new Uint8Array(width * height);
      if (state === 'good' && entry.unsaid.has(type) && (await this.holds(files, { ...image, width, height }, none)))
        continue;
      if (!(await this.areEmpty(files))) kept = await this.keepOld(path, files);
      for (const file of files) await rm(fromStored(root, file), { force: true });
      entry.masks.delete(type);
    }
    return kept;
  }

  /** Removes what an import that was killed has left in a folder of masks. */
  private async tidy(folder: string): Promise<void> {
    if (this.tidied.has(folder)) return;
    this.tidied.add(folder);
    await removeLeftovers(folder);
  }

  /** Where a mask is written: where it is, if that is one PNG file; else under the name by which it is found again. */
  private maskFile(entry: Entry, type: string, old: readonly string[]): string {
    const [file] = old;
    if (file !== undefined && old.length === 1 && endingOf(file).toLowerCase() === '.png') return file;
    const category = categoriesOf(this.project, entry.category)[0];
    const owners = this.owners.get(entry.category) as MaskOwners<Entry>;
    return `${nearFolder(maskFolder(category), entry.path)}/${type}/${owners.nameFor(entry, type)}${ENDING}.png`;
  }

  /** Whether files are not there, or are masks that mark nothing. */
  private async areEmpty(files: Iterable<string>): Promise<boolean> {
    for (const file of files) {
      const at = join(this.project.root, file);
      if (!existsSync(at)) continue;
      const mask = await orLeaveOut(
        () => undefined,
        { path: file },
        () => readMask(at),
      );
      if (mask === undefined || mask.data.includes(1)) return false;
    }
    return true;
  }

  /** Whether mask files mark exactly these pixels. */
  private async holds(files: readonly string[], size: Picture, data: Uint8Array): Promise<boolean> {
    const there = await orLeaveOut(
      () => undefined,
      { path: size.path },
      () => this.pixels(files, size),
    );
    return there?.every((value, i) => value === data[i]) ?? false;
  }

  /** Copies mask files to where what imports replace is kept. */
  private async keepOld(path: string, files: readonly string[]): Promise<Replaced> {
    for (const file of files) {
      const from = fromStored(this.project.root, file);
      // Masks may lie beside the project or on another drive; what is kept of them does not.
      const inside = file.split('/').filter((part) => part !== '..' && !part.endsWith(':'));
      if (existsSync(from)) await writeFileAtomic(join(this.project.root, this.keep, ...inside), await readFile(from));
    }
    return { path, kept: this.keep };
  }
}
