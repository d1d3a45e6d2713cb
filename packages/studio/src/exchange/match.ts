/** Which picture of a project an image in a file of labels is, since tools name pictures from other folders than ours. */
import type { Picture } from './label-store.ts';
import { nameOf, withoutEnding } from './paths.ts';
import type { LeftOut } from './types.ts';

/** Number of last parts that two paths share. */
function sharedParts(a: string, b: string): number {
  const [left, right] = [a.split('/').reverse(), b.split('/').reverse()];
  let shared = 0;
  while (shared < left.length && shared < right.length && left[shared] === right[shared]) shared++;
  return shared;
}

function grouped(pictures: readonly Picture[], key: (path: string) => string): Map<string, Picture[]> {
  const groups = new Map<string, Picture[]>();
  for (const picture of pictures) {
    const list = groups.get(key(picture.path));
    if (list) list.push(picture);
    else groups.set(key(picture.path), [picture]);
  }
  return groups;
}

const stemOf = (path: string) => nameOf(withoutEnding(path));

/**
 * Matches by the whole path; else by name, the picture winning that shares most folders; else by name without ending. What fits several
 * pictures, or a picture that another image fits as well, is not matched: a label on the wrong picture is worse than none.
 * @returns pictures by the path that the file says, and why the others have none.
 */
export function matchPictures(images: readonly Picture[], pictures: readonly Picture[]) {
  const exact = new Map(pictures.map((picture) => [picture.path, picture]));
  const byName = grouped(pictures, nameOf);
  const byStem = grouped(pictures, stemOf);
  const failures: LeftOut[] = [];
  const claims = new Map<string, { image: Picture; picture: Picture }[]>();
  for (const image of images) {
    const found =
      exact.get(image.path) ??
      nearest(image.path, byName.get(nameOf(image.path)) ?? byStem.get(stemOf(image.path)) ?? []);
    if (typeof found === 'string') failures.push({ path: image.path, reason: found });
    else claims.set(found.path, [...(claims.get(found.path) ?? []), { image, picture: found }]);
  }
  const matches = new Map<string, Picture>();
  for (const [path, group] of claims) {
    const winner = group.find(({ image }) => image.path === path) ?? (group.length === 1 ? group[0] : undefined);
    for (const claim of group) {
      const reason =
        claim === winner ? sizeObjection(claim.image, claim.picture) : `other images could be ${path} as well`;
      if (reason === undefined) matches.set(claim.image.path, claim.picture);
      else failures.push({ path: claim.image.path, reason });
    }
  }
  return { matches, failures };
}

/** The candidate that shares most of the path, or why there is none. */
function nearest(path: string, candidates: readonly Picture[]): Picture | string {
  if (candidates.length === 0) return 'the project has no picture of that name';
  const ranked = candidates.map((picture) => ({ picture, shared: sharedParts(picture.path, path) }));
  const most = ranked.reduce((highest, { shared }) => Math.max(highest, shared), 0);
  const best = ranked.filter(({ shared }) => shared === most);
  if (best.length === 1) return best[0].picture;
  return `it could be any of ${best.length} pictures, such as ${best[0].picture.path} and ${best[1].picture.path}`;
}

function sizeObjection(image: Picture, picture: Picture): string | undefined {
  if (image.width === 0 || (image.width === picture.width && image.height === picture.height)) return undefined;
  return `it is ${image.width} x ${image.height}, but ${picture.path} is ${picture.width} x ${picture.height}`;
}
