/** Which picture a mask file belongs to, by its name, and names by which it is found again. */
import { createHash } from 'node:crypto';
import { nameKey } from '@adclick/core/files';
import { collisionKey } from '../file-name.ts';
import { folderOf, nameOf, withoutEnding } from '../path-parts.ts';
import { sayingFolder } from '../project/mask-files.ts';

/** A picture that masks can belong to. */
export interface Owner {
  readonly path: string;
  /** Whether its folder says that it is good: no mask is put to it that does not name that folder. */
  readonly good: boolean;
}

/** Bytes of the longest name that is made; disks take 255, and endings are added. */
const LONGEST = 180;

const longName = (path: string) => path.replaceAll('/', '__');
/** A name that no other picture has, whatever folders and characters its path is made of. */
const digest = (path: string) =>
  `${nameOf(withoutEnding(path)).slice(0, 20)}-${createHash('sha256').update(path).digest('hex').slice(0, 12)}`;

/** Pictures by all names that masks may call them, one way of comparing names. */
class Names<T extends Owner> {
  private readonly byName = new Map<string, T[]>();

  constructor(
    owners: readonly T[],
    private readonly key: (text: string) => string,
  ) {
    for (const owner of owners) {
      const { path } = owner;
      const name = nameOf(path);
      const stem = withoutEnding(name);
      // What names the folder says most; a name with its ending says more than one without.
      for (const folder of new Set([nameOf(folderOf(path)), sayingFolder(path)])) {
        this.add(`1 ${folder}/${name}`, owner);
        this.add(`2 ${folder}/${stem}`, owner);
      }
      this.add(`3 ${name}`, owner);
      this.add(`4 ${stem}`, owner);
      this.add(`5 ${longName(path)}`, owner);
      this.add(`6 ${longName(withoutEnding(path))}`, owner);
      this.add(`7 ${digest(path)}`, owner);
    }
  }

  private add(name: string, owner: T): void {
    const key = this.key(name);
    const list = this.byName.get(key);
    if (list) list.push(owner);
    else this.byName.set(key, [owner]);
  }

  /** @returns why there is none. */
  find(type: string, name: string, amongGood: boolean): T | string {
    const levels = [`1 ${type}/${name}`, `2 ${type}/${name}`, ...[3, 4, 5, 6, 7].map((level) => `${level} ${name}`)];
    for (const level of levels) {
      const all = this.byName.get(this.key(level)) ?? [];
      const defective = amongGood ? all.filter(({ good }) => !good) : [];
      const [first, second] = defective.length > 0 ? defective : all;
      if (first === undefined) continue;
      if (second !== undefined) return `it could be of ${first.path} and of ${second.path}`;
      if (/^[34]/.test(level) && first.good && !amongGood)
        return `the only picture of that name is among the good ones, ${first.path}`;
      return first;
    }
    return 'there is no picture for it';
  }
}

/** The pictures of one category, and which of them a mask file belongs to. */
export class MaskOwners<T extends Owner> {
  private readonly names: Names<T>;
  /** For disks that do not tell upper from lower case. */
  private readonly folded: Names<T>;

  constructor(owners: readonly T[]) {
    this.names = new Names(owners, nameKey);
    this.folded = new Names(owners, collisionKey);
  }

  /**
   * As in MVTec AD the picture of that name in the folder of that type; else the only one that has the name. Masks that could be of
   * several pictures are of none.
   * @param name of the mask without ending, `_mask` already taken off. @param amongGood whether it may be of a good picture though it names
   * no folder, where there is no other of that name. @returns why there is none.
   */
  find(type: string, name: string, amongGood = false): T | string {
    return this.names.find(type, name, amongGood);
  }

  /** Name for a mask: the picture's own where that is found again, else with its ending, else with the folders it lies in. */
  nameFor({ path }: T, type: string): string {
    const names = [nameOf(withoutEnding(path)), nameOf(path), longName(withoutEnding(path)), longName(path)];
    const isFound = (name: string) => {
      const found = this.folded.find(type, name, false);
      return typeof found !== 'string' && found.path === path && this.find(type, name) === found;
    };
    return names.find((name) => Buffer.byteLength(name) <= LONGEST && isFound(name)) ?? digest(path);
  }
}
