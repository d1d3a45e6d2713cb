/** Finding the pictures that are in folders: links followed, each file once, and everything that was passed over told. */
import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { counted } from '../api.ts';
import { fail } from '../errors.ts';
import { log, passOver, passOverIfThere } from '../log.ts';
import {
  hasPictureEnding,
  isForeignFolder,
  isHiddenName,
  isHolderName,
  isMaskName,
  isOtherPicture,
  isPictureName,
  maskedStem,
  masksBeside,
  stemOf,
} from './folder-names.ts';

/** Files looked at at once. */
const PARALLEL = 16;
/** Names that a message shows of one reason. */
const SHOWN = 3;
/** How many folders deep pictures are counted that are not looked at. */
const COUNTED_DEPTH = 6;

/** Names of what is in a folder; none where it is not there, or cannot be read. */
export const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((err) => passOverIfThere('folder not read', { folder })(err) ?? []);

/** A picture on disk. */
export interface FoundPicture {
  /** As it was come to, links in it and all. */
  readonly path: string;
  /** Where it lies. */
  readonly real: string;
  readonly bytes: number;
  readonly modified: number;
  /** Stays when a file is renamed: device, inode, size and time of its content. */
  readonly identity: string;
}

/** Reasons in words that stand after a number, for one and for several where that differs. */
const REASONS = {
  hidden: 'hidden',
  empty: 'empty',
  kind: 'of a kind that is not read',
  nothing: 'linked to nothing',
  outside: 'linked to outside the project and the folders that it names',
  again: 'linked to what is looked at already',
  circle: 'linked to a folder around the link',
  mask: ['mask beside its picture', 'masks beside their pictures'],
  masks: ['file in a folder of masks', 'files in folders of masks'],
  below: 'in a folder that adclick.yaml does not name',
  unreadable: 'not readable',
  special: ['no file', 'no files'],
  missing: 'not there',
  away: 'kept though they cannot be read now',
} as const;

/** A file that looks like a picture, or a folder with such files, that is not looked at. */
export interface PassedOver {
  readonly path: string;
  readonly why: keyof typeof REASONS;
  /** How many files. */
  readonly files: number;
}

/** Whether a path is one of the folders or lies in one. */
export const liesIn = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep));

/** What was passed over, in one sentence; undefined when nothing was. @param from folder that names are shown relative to. */
export function passedOverText(passed: readonly PassedOver[], from?: string): string | undefined {
  if (passed.length === 0) return undefined;
  const groups = new Map<PassedOver['why'], PassedOver[]>();
  for (const one of passed) groups.set(one.why, [...(groups.get(one.why) ?? []), one]);
  const count = (group: readonly PassedOver[]) => group.reduce((sum, { files }) => sum + files, 0);
  const shown = (path: string) => JSON.stringify(from === undefined ? path : relative(from, path) || '.').slice(1, -1);
  const parts = [...groups].map(([why, group]) => {
    const reason = [REASONS[why]].flat();
    const number = count(group);
    const names = group.slice(0, SHOWN).map(({ path }) => shown(path));
    const text = number === 1 ? reason[0] : reason.at(-1);
    return `${number} ${text} (${names.join(', ')}${group.length > SHOWN ? ', …' : ''})`;
  });
  return `${counted(count(passed), 'file was', 'files were')} passed over: ${parts.join('; ')}.`;
}

/** Works on items, several at once. */
export async function parallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < items.length) await work(items[next++]);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, run));
}

export interface FinderOptions {
  /** Real paths that links may lead to; default: anywhere. */
  readonly allowed?: readonly string[];
  /** Give empty files too; default: they are passed over. */
  readonly empty?: boolean;
  /** Folders that hold masks, by their full path: nothing in them is a picture. */
  readonly masks?: (folder: string) => boolean;
  /** Folders that are looked at on their own, so that nobody has to be told of them. */
  readonly known?: (folder: string) => boolean;
  /** Name of a file that marks folders in which nothing is looked at, such as exports. */
  readonly marker?: string;
  /** A folder that is not there is passed over; default: an error. */
  readonly missing?: boolean;
}

/** How much of a folder is looked at. */
export interface FindOptions {
  /** The folders in it too. */
  readonly deep: boolean;
  /** Only files of such a name. */
  readonly only?: RegExp | undefined;
}

interface Link {
  readonly path: string;
  readonly name: string;
  /** Where the link itself lies. */
  readonly folder: string;
  readonly isMask: boolean;
}

/**
 * Looks for pictures. One finder stands for one list: what two of its folders have in common is found once, and what lies there rather than
 * what is linked to it.
 */
export class Finder {
  /** Everything that looked like a picture and was not given. */
  readonly passedOver: PassedOver[] = [];
  private readonly options: FinderOptions;
  /** How each file and each folder was come to, by its real path. */
  private readonly files = new Map<string, string>();
  private readonly folders = new Map<string, string>();

  constructor(options: FinderOptions = {}) {
    this.options = options;
  }

  /** The pictures of a folder, sorted by path. Hidden files are passed over. @throws ADC_FOLDER_MISSING. */
  async find(folder: string, { deep, only }: FindOptions): Promise<FoundPicture[]> {
    const real = await realpath(folder).catch((cause) => {
      this.miss(folder, cause);
    });
    if (real === undefined) return [];
    const found: FoundPicture[] = [];
    const links: Link[] = [];
    await this.look(folder, real, { deep, only }, found, links);
    // After everything that lies there, so that a picture is known by its own name where it has one here.
    for (let link = links.shift(); link; link = links.shift()) await this.follow(link, { deep, only }, found, links);
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** One picture that was named. Undefined when it was found before or is passed over. */
  async single(path: string): Promise<FoundPicture | undefined> {
    const found: FoundPicture[] = [];
    const real = await realpath(path).catch(passOverIfThere('path not followed', { path }));
    if (real === undefined) this.pass(path, 'nothing');
    else if (!this.mayLead(real)) this.pass(path, 'outside');
    else await this.take(path, real, found);
    return found[0];
  }

  /** What was named and is not there. @throws ADC_FOLDER_MISSING where that matters. */
  miss(path: string, cause?: unknown): void {
    if (!this.options.missing) throw fail('ADC_FOLDER_MISSING', { path }, cause);
    this.pass(path, 'missing');
  }

  private pass(path: string, why: PassedOver['why'], files = 1): void {
    this.passedOver.push({ path, why, files });
  }

  private mayLead = (real: string) => this.options.allowed === undefined || liesIn(real, this.options.allowed);

  private async look(
    path: string,
    real: string,
    options: FindOptions,
    found: FoundPicture[],
    links: Link[],
  ): Promise<void> {
    const before = this.folders.get(real);
    if (before !== undefined) {
      if (before !== path) this.pass(path, 'again');
      return;
    }
    let entries: Dirent[];
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (err) {
      log.warn({ err, path }, 'folder not read');
      this.pass(path, 'unreadable');
      return;
    }
    if (entries.some(({ name }) => name === this.options.marker)) return;
    this.folders.set(real, path);
    const masks = masksBeside(entries.filter(({ name }) => isPictureName(name)).map(({ name }) => name));
    const inside: string[] = [];
    const files: string[] = [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const { name } = entry;
      const at = join(path, name);
      if (entry.isDirectory()) {
        if (!isForeignFolder(name)) inside.push(name);
      } else if (isHiddenName(name)) {
        if (hasPictureEnding(name)) this.pass(at, 'hidden');
      } else if (entry.isSymbolicLink()) {
        // On Windows, junctions too.
        links.push({ path: at, name, folder: real, isMask: masks.has(name) });
      } else if (isPictureName(name)) {
        if (options.only && !options.only.test(name)) continue;
        if (masks.has(name)) this.pass(at, 'mask');
        else if (!entry.isFile()) this.pass(at, 'special');
        else files.push(name);
      } else if (isOtherPicture(name)) this.pass(at, 'kind');
    }
    await parallel(files, (name) => this.take(join(path, name), join(real, name), found));
    const holdsMasks = await this.maskFolders(path, entries, inside);
    for (const name of inside) {
      const at = join(path, name);
      if (holdsMasks.has(name)) await this.count(at, 'masks');
      else if (options.deep) await this.look(at, join(real, name), options, found, links);
      else if (!this.options.known?.(at)) await this.count(at, 'below');
    }
  }

  /** Passes over the pictures that lie in a folder. */
  private async count(folder: string, why: 'masks' | 'below'): Promise<void> {
    const files = await this.picturesBelow(folder);
    if (files > 0) this.pass(folder, why, files);
  }

  private async picturesBelow(folder: string, depth = COUNTED_DEPTH): Promise<number> {
    const entries = await readdir(folder, { withFileTypes: true }).catch(
      (err) => passOver('folder not read', { path: folder })(err) ?? [],
    );
    if (entries.some(({ name }) => name === this.options.marker)) return 0;
    let files = 0;
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (!entry.isDirectory()) files += isPictureName(entry.name) ? 1 : 0;
      else if (depth > 1 && !isForeignFolder(entry.name) && !this.options.known?.(path))
        files += await this.picturesBelow(path, depth - 1);
    }
    return files;
  }

  /**
   * Folders of a folder that hold masks: those that the project names, and those that are called so and hold files with the names of the
   * pictures beside them.
   */
  private async maskFolders(path: string, entries: readonly Dirent[], inside: readonly string[]): Promise<Set<string>> {
    const found = new Set(inside.filter((name) => this.options.masks?.(join(path, name))));
    const called = inside.filter((name) => isMaskName(name) && !found.has(name));
    if (called.length === 0) return found;
    const stems = new Set(entries.map(({ name }) => stemOf(name)));
    for (const name of inside.filter(isHolderName))
      for (const picture of await namesIn(join(path, name))) stems.add(stemOf(picture));
    for (const name of called) {
      const names = (await namesIn(join(path, name))).filter(isPictureName).map(stemOf);
      if (names.length > 0 && names.every((stem) => stems.has(stem) || stems.has(maskedStem(stem) ?? stem)))
        found.add(name);
    }
    return found;
  }

  private async follow(link: Link, options: FindOptions, found: FoundPicture[], links: Link[]): Promise<void> {
    const { path, name, folder, isMask } = link;
    const passed = passOverIfThere('link not followed', { path });
    const real = await realpath(path).catch(passed);
    const info = real === undefined ? undefined : await stat(real).catch(passed);
    if (real === undefined || !info) {
      // It may have been a picture or a folder of pictures.
      if (isPictureName(name) || extname(name) === '') this.pass(path, 'nothing');
      return;
    }
    if (!info.isDirectory() && !isPictureName(name)) return;
    if (options.only && !info.isDirectory() && !options.only.test(name)) return;
    if (!this.mayLead(real)) return this.pass(path, 'outside');
    if (!info.isDirectory()) {
      if (isMask) this.pass(path, 'mask');
      else await this.take(path, real, found, info);
    } else if (liesIn(folder, [real])) this.pass(path, 'circle');
    else if (options.deep) await this.look(path, real, options, found, links);
    else if (!this.options.known?.(path)) await this.count(path, 'below');
  }

  private async take(path: string, real: string, found: FoundPicture[], known?: Stats): Promise<void> {
    const before = this.files.get(real);
    if (before !== undefined) {
      if (before !== path) this.pass(path, 'again');
      return;
    }
    const info = known ?? (await stat(real).catch((error: NodeJS.ErrnoException) => error.code ?? ''));
    // Gone since its folder was read.
    if (info === 'ENOENT') return;
    if (typeof info === 'string') return this.pass(path, 'unreadable');
    if (!info.isFile()) return this.pass(path, 'special');
    if (info.size === 0 && !this.options.empty) return this.pass(path, 'empty');
    this.files.set(real, path);
    const { size: bytes, mtimeMs: modified, dev, ino } = info;
    found.push({ path, real, bytes, modified, identity: `${dev}:${ino}:${bytes}:${modified}` });
  }
}
