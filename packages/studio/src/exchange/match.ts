/** Which picture of a project an image in a file of labels is, since tools name pictures from other folders than ours. */
import { nameKey } from '@adclick/core/files';
import { collisionKey } from '../file-name.ts';
import { folderOf, nameOf, withoutEnding } from '../path-parts.ts';
import { hasPictureEnding } from '../project/folder-names.ts';
import type { Picture } from './label-store.ts';
import type { LeftOut } from './types.ts';

/** A picture's name without ending; what a dot stands before otherwise belongs to the name, as in `part.7`. */
const stemOf = (path: string) => nameOf(hasPictureEnding(path) ? withoutEnding(path) : path);

/** How names are compared: as they are whatever their Unicode form, or whatever the case of their letters too. */
type Key = (text: string) => string;

/** Pictures by the last part of their path. */
class ByName {
  private readonly groups = new Map<string, Picture[]>();

  constructor(
    pictures: readonly Picture[],
    private readonly key: Key,
    private readonly part: (path: string) => string,
  ) {
    for (const picture of pictures) {
      const name = key(part(picture.path));
      const group = this.groups.get(name);
      if (group) group.push(picture);
      else this.groups.set(name, [picture]);
    }
  }

  /** Those of that name that share most folders with a path, from its end on. @param name in place of the path's last part. */
  nearest(path: string, name = this.part(path)): readonly Picture[] {
    const group = this.groups.get(this.key(name)) ?? [];
    const shared = group.map((picture) => this.sharedFolders(picture.path, path));
    const most = shared.reduce((a, b) => Math.max(a, b), 0);
    return group.filter((_, i) => shared[i] === most);
  }

  private sharedFolders(a: string, b: string): number {
    const [left, right] = [a, b].map((path) => this.key(folderOf(path)).split('/').reverse()) as [string[], string[]];
    let shared = 0;
    while (shared < left.length && shared < right.length && left[shared] === right[shared]) shared++;
    return shared;
  }
}

/** How much less a name says that is found without the digits before it. */
const WITH_DIGITS = 10;

/** A picture that an image can be, and how well their names agree: 0 by the whole path, higher numbers by less. */
interface Found {
  readonly picture: Picture;
  readonly by: number;
}

/** The pictures of a project, to be found by the names that other tools give them. */
export class PictureFinder {
  private readonly exact: ReadonlyMap<string, Picture>;
  private readonly composed: ByName;
  private readonly names: readonly ByName[];
  private readonly stems: readonly ByName[];

  constructor(pictures: readonly Picture[]) {
    this.exact = new Map(pictures.map((picture) => [picture.path, picture]));
    this.composed = new ByName(pictures, nameKey, (path) => path);
    const by = (part: (path: string) => string) =>
      [nameKey, collisionKey].map((key) => new ByName(pictures, key, part));
    this.names = by(nameOf);
    this.stems = by(stemOf);
  }

  /**
   * By the whole path; else by name, the picture winning that shares most folders; else by name without ending; each in either Unicode
   * form, and whatever the case of its letters; last, all of it without the eight digits that Label Studio puts before names.
   * @param stem whether the path lacks its ending. @returns why there is none otherwise.
   */
  find(path: string, stem = false): Found | string {
    const exact = stem ? undefined : this.exact.get(path);
    if (exact) return { picture: exact, by: 0 };
    const [names, namesAnyCase] = this.names as [ByName, ByName];
    const [stems, stemsAnyCase] = this.stems as [ByName, ByName];
    const without = stem ? nameOf(path) : undefined;
    const byName = [this.composed, names].map((each) => () => each.nearest(path));
    const steps = [
      ...(stem ? [] : byName),
      () => stems.nearest(path, without),
      ...(stem ? [] : [() => namesAnyCase.nearest(path)]),
      () => stemsAnyCase.nearest(path, without),
    ];
    for (const [i, step] of steps.entries()) {
      const [first, second, ...more] = step();
      if (first === undefined) continue;
      if (second === undefined) return { picture: first, by: i + 1 };
      return `it could be any of ${more.length + 2} pictures, such as ${first.path} and ${second.path}`;
    }
    // Label Studio puts eight digits before the names of uploads, and keeps them where it exports other formats.
    const bare = nameOf(path).replace(/^[0-9a-f]{8}-(?=[^.])/, '');
    if (bare !== nameOf(path)) {
      const found = this.find([...folderOf(path).split('/'), bare].filter((part) => part !== '').join('/'), stem);
      return typeof found === 'string' ? found : { ...found, by: found.by + WITH_DIGITS };
    }
    return 'the project has no picture of that name';
  }
}

/**
 * Matches images of a file with pictures. What fits several pictures, or a picture that another image fits as well, is not matched: a
 * label on the wrong picture is worse than none.
 * @param lost names of images and files that could not be read, and may be of a picture all the same. @returns pictures by the path that the file says, and why the others have none.
 */
export function matchPictures(images: readonly Picture[], finder: PictureFinder, lost: readonly string[] = []) {
  const failures: LeftOut[] = [];
  const claims = new Map<string, { image: Picture | undefined; found: Found }[]>();
  const claim = (image: Picture | undefined, found: Found) => {
    const group = claims.get(found.picture.path);
    if (group) group.push({ image, found });
    else claims.set(found.picture.path, [{ image, found }]);
  };
  for (const image of images) {
    const found = finder.find(image.path);
    if (typeof found === 'string') failures.push({ path: image.path, reason: found });
    else claim(image, found);
  }
  for (const name of lost) {
    const found = finder.find(name);
    // Or it is the file of labels that has the name of its picture.
    const known = typeof found === 'string' ? finder.find(withoutEnding(name), true) : found;
    if (typeof known !== 'string') claim(undefined, known);
  }
  const matches = new Map<string, Picture>();
  for (const [path, group] of claims) {
    const least = group.reduce((least, { found }) => Math.min(least, found.by), Number.POSITIVE_INFINITY);
    const best = group.filter(({ found }) => found.by === least);
    for (const claim of group) {
      const { image, found } = claim;
      if (image === undefined) continue;
      const won = best.length === 1 && claim === best[0];
      const reason = won ? sizeObjection(image, found.picture) : `other images could be ${path} as well`;
      if (reason === undefined) matches.set(image.path, found.picture);
      else failures.push({ path: image.path, reason });
    }
  }
  return { matches, failures };
}

function sizeObjection(image: Picture, picture: Picture): string | undefined {
  if (picture.unreadable !== undefined) return picture.unreadable;
  if (image.width === 0 || (image.width === picture.width && image.height === picture.height)) return undefined;
  return `it is ${image.width} x ${image.height}, but ${picture.path} is ${picture.width} x ${picture.height}`;
}
