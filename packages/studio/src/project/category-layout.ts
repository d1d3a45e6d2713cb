/** Reading a folder as one category: which of the folders in it hold good pictures, which ones to look at, and which masks. */
import {
  isBadName,
  isGoodName,
  isHolderName,
  isMaskName,
  isNumbered,
  isOtherData,
  splitOf,
  splitSaid,
} from './folder-names.ts';
import {
  allFolders,
  type FolderNode,
  filesBelow,
  holdsMasks,
  markedPictures,
  masksFor,
  type Twins,
  twinEndings,
} from './folder-tree.ts';
import type { CategorySettings } from './project.ts';

/** What the names above a folder with pictures say of it. */
interface Said {
  readonly split?: 'train' | 'validation' | 'test' | undefined;
  readonly good?: boolean;
  readonly mask?: boolean;
  /** It is no picture, as a point cloud, or contradicts itself. */
  readonly other?: boolean;
  readonly type?: string;
  /** The folder that was called good, a type or a part of the dataset: the one that a project names. */
  readonly top?: FolderNode;
}

/** A folder with pictures, and what it is. */
interface Leaf extends Said {
  readonly node: FolderNode;
  readonly parent: FolderNode;
}

/** A folder read as one category. */
export interface CategoryLayout {
  readonly settings: CategorySettings;
  /** Whose layout it is. */
  readonly kind: string;
  /** Whether `train` and `test` say what is what. */
  readonly split: boolean;
  /** Whether there are pictures to look at apart from the good ones. */
  readonly tested: boolean;
  /** Whether nothing says that the pictures are good. */
  readonly assumed: boolean;
  /** Paths of all folders that have a place in it. */
  readonly folders: ReadonlySet<string>;
  /** Files in them, and how many of those are masks. */
  readonly files: number;
  readonly masks: number;
}

/** What a child's name adds to what is known of its parent. */
async function say(root: string, said: Said, parent: FolderNode, child: FolderNode): Promise<Said> {
  if (said.mask || said.other) return said;
  const { name } = child;
  const beside = parent.folders.filter((folder) => folder !== child);
  const holders = beside.filter((folder) => isHolderName(folder.name));
  if (isMaskName(name) && (await holdsMasks(root, child, parent, beside, holders)))
    return { ...said, mask: true, top: child };
  if (isOtherData(name) && holders.length > 0) return { ...said, other: true };
  const begun = said.good || said.type !== undefined;
  const split = splitOf(name);
  if (split) return said.split || begun ? { ...said, other: true } : { split, top: child };
  if (isHolderName(name)) return said;
  if (said.good) return isGoodName(name) || isBadName(name) ? { ...said, other: true } : said;
  const part = said.split ?? splitSaid(name);
  if (isGoodName(name))
    return said.type !== undefined ? { ...said, other: true } : { split: part, good: true, top: child };
  if (said.type !== undefined)
    return isBadName(said.type) && !isNumbered(name) && !isBadName(name) ? { ...said, type: name } : said;
  return { split: part, type: name, top: child };
}

async function leavesOf(root: string, node: FolderNode, parent: FolderNode, said: Said): Promise<Leaf[]> {
  const leaves: Leaf[] = node.pictures.length + node.masks.size > 0 ? [{ ...said, node, parent }] : [];
  for (const child of node.folders)
    leaves.push(...(await leavesOf(root, child, node, await say(root, said, node, child))));
  return leaves;
}

const below = (path: string, folder: string) => folder === '' || path === folder || path.startsWith(`${folder}/`);

/** A folder's path as a project file has it. */
const entryOf = (path: string, from: string) => (from === '' ? path : path === '' ? from : `${from}/${path}`) || '.';

/** Joins paths that differ in one part into a pattern; undefined where they differ in more. */
function patternOf(paths: readonly string[]): string | undefined {
  const parts = paths.map((path) => path.split('/'));
  const [first] = parts as [string[]];
  if (parts.some((one) => one.length !== first.length)) return undefined;
  const differ = first.map((_, i) => new Set(parts.map((one) => one[i])).size > 1);
  if (differ.filter(Boolean).length > 1) return undefined;
  return first.map((part, i) => (differ[i] ? '*' : part)).join('/');
}

/** The fewest folders that hold the given leaves and nothing else that could be taken for a picture. */
function cover(node: FolderNode, wanted: ReadonlySet<FolderNode>, harmless: ReadonlySet<FolderNode>): FolderNode[] {
  const inside = allFolders(node).filter(({ pictures, masks }) => pictures.length + masks.size > 0);
  if (inside.every((folder) => wanted.has(folder))) return inside.length > 0 ? [node] : [];
  if (wanted.has(node) && inside.every((folder) => wanted.has(folder) || harmless.has(folder))) return [node];
  const own = wanted.has(node) ? [node] : [];
  return [...own, ...node.folders.flatMap((folder) => cover(folder, wanted, harmless))];
}

/** Folders that hold the good pictures of one that is called good: itself, with all folders in it, or those that hold its pictures. */
function goodEntries(top: FolderNode, leaves: readonly Leaf[]): string[] {
  const nodes = leaves.map(({ node }) => node);
  const deep = nodes.some(
    ({ path }) =>
      path !== top.path &&
      !path
        .slice(top.path.length + 1)
        .split('/')
        .every(isHolderName),
  );
  return deep ? [`${top.path}/**`] : nodes.map(({ path }) => path);
}

function kindOf(category: FolderNode, good: readonly Leaf[], masks: readonly Leaf[], mixed: boolean): string {
  const named = (leaf: Leaf) => leaf.top?.name.toLowerCase();
  const beside = good.some(({ node }) => node.masks.size > 0);
  if (mixed && beside) return good.some(({ split }) => split) ? 'KolektorSDD2' : 'KolektorSDD';
  if (good.some(({ node }) => /(^|\/)data\/images\//i.test(node.path))) return 'VisA';
  if (!good.some(({ split }) => split === 'train') || !category.folders.some(({ name }) => splitOf(name) === 'test'))
    return '';
  if (good.some(({ node }) => node.name.toLowerCase() === 'rgb')) return 'MVTec 3D-AD';
  if (good.some((leaf) => named(leaf) === 'ok')) return 'BTAD';
  if (category.folders.some(({ name }) => /^test_/i.test(name))) return 'MVTec AD 2';
  const depth = ({ node, top }: Leaf) => node.path.split('/').length - (top?.path ?? '').split('/').length;
  if (masks.some((leaf) => depth(leaf) > 1)) return 'MVTec LOCO AD';
  return good.some((leaf) => named(leaf) === 'good') ? 'MVTec AD' : '';
}

/**
 * Reads a folder as one category.
 * @param root of the project. @param category a folder of it. @returns undefined when nothing in it could be good pictures.
 */
export async function readCategory(root: string, category: FolderNode): Promise<CategoryLayout | undefined> {
  const leaves = await leavesOf(root, category, category, {});
  const usable = leaves.filter(({ other }) => !other);
  const masks = usable.filter(({ mask }) => mask);
  const pictures = usable.filter(({ mask }) => !mask);
  let good = pictures.filter((leaf) => leaf.good && leaf.split !== 'test');
  let unsaid: Leaf[] = [];
  if (good.length === 0) unsaid = pictures.filter(({ split, type }) => split === 'train' && type === undefined);
  if (good.length + unsaid.length === 0)
    unsaid = pictures.filter(({ split, type, good }) => !split && !good && type === undefined);
  if (good.length + unsaid.length === 0) unsaid = numberedWithMasks(pictures);
  good = [...good, ...unsaid];

  const marked: string[] = [];
  let maskFiles = 0;
  for (const leaf of unsaid) {
    const region = isHolderName(leaf.node.name) ? leaf.parent.path : leaf.node.path;
    const near = masks.filter(({ node }) => below(node.path, region)).map(({ node }) => node);
    const known = masksFor(root, leaf.node, near);
    const found = await markedPictures(known);
    if (found.size === leaf.node.pictures.length) good = good.filter((one) => one !== leaf);
    else marked.push(...[...found].sort().map((name) => entryOf(name, leaf.node.path)));
  }
  if (good.length === 0) return undefined;

  const validated = pictures.filter(
    (leaf) => leaf.split === 'validation' && leaf.type === undefined && !good.includes(leaf),
  );
  good = [...good, ...validated];
  const loose = (leaf: Leaf) => !leaf.split && leaf.type === undefined && !leaf.good;
  // Where `train` and `test` say what is what, other folders are none of it.
  const apart =
    good.some(({ split }) => split === 'train') && category.folders.some(({ name }) => splitOf(name) === 'test');
  const strayed = apart
    ? (leaf: Leaf) => !leaf.split
    : good.some(loose)
      ? (leaf: Leaf) => !leaf.split && !isBadName(leaf.type ?? '')
      : loose;
  const test = pictures.filter((leaf) => !good.includes(leaf) && !strayed(leaf));

  const tops = new Map<FolderNode, Leaf[]>();
  for (const leaf of good) {
    const top = leaf.good ? (leaf.top as FolderNode) : leaf.node;
    tops.set(top, [...(tops.get(top) ?? []), leaf]);
  }
  const isLoose = (leaf: Leaf | undefined) => leaf !== undefined && !leaf.good;
  const goods = [...tops].flatMap(([top, own]) => (isLoose(own[0]) ? [top.path || '.'] : goodEntries(top, own)));

  const wanted = new Set(test.map(({ node }) => node));
  const harmless = new Set(masks.map(({ node }) => node));
  const covered = category.folders.flatMap((folder) => cover(folder, wanted, harmless));
  const entries = covered.map(({ path }) => path);
  const byHolder = entries.filter((path) => isHolderName(path.split('/').at(-1) as string));
  const together = byHolder.length > 1 ? patternOf(byHolder) : undefined;
  const tests = together ? [...entries.filter((path) => !byHolder.includes(path)), together] : entries;
  const twins = new Map<FolderNode, Twins>();
  for (const { node } of test) {
    const found = await twinEndings(root, node, [...twins.values()]);
    if (found) twins.set(node, found);
  }
  const withTwins = tests.map((path) => {
    const [twin] = [...twins].filter(([node]) => below(node.path, path)).map(([, found]) => found);
    return twin ? `${path}/**/*${twin.pictures}` : path;
  });
  for (const [node, twin] of twins) maskFiles += node.pictures.filter((name) => name.endsWith(twin.masks)).length;

  const maskTops = [...new Set(masks.map(({ top }) => (top as FolderNode).path))];
  const maskFolder = maskTops.length > 1 ? (patternOf(maskTops) ?? maskTops[0]) : maskTops[0];
  const placed = [
    ...good,
    ...test,
    ...masks.filter(({ top }) => maskFolder?.includes('*') || top?.path === maskFolder),
  ];
  for (const { mask, node } of placed) maskFiles += mask ? node.pictures.length : node.masks.size;
  const types = [...new Set(test.filter((leaf) => !leaf.good && leaf.type).map(({ type }) => type as string))];
  return {
    settings: {
      good: goods,
      test: [...withTwins, ...marked],
      ...(maskFolder === undefined ? {} : { masks: maskFolder }),
      defects: types.sort(),
    },
    kind: kindOf(category, good, masks, unsaid.length > 0 && marked.length > 0),
    split: good.some(({ split }) => split === 'train'),
    tested: test.length > 0,
    assumed: unsaid.some(loose) && marked.length === 0,
    folders: new Set(placed.map(({ node }) => node.path)),
    files: placed.reduce((sum, { node }) => sum + node.pictures.length + node.masks.size, 0),
    masks: maskFiles,
  };
}

/** Folders that number parts of one product, with masks beside all pictures, as KolektorSDD has them. */
function numberedWithMasks(pictures: readonly Leaf[]): Leaf[] {
  const names = new Set(pictures.map(({ top }) => top?.name.replace(/\d+$/, '')));
  const all = pictures.every(({ node, type }) => type !== undefined && node.pictures.length === node.masks.size);
  return all && names.size === 1 && pictures.every(({ top }) => /\d$/.test(top?.name ?? '')) ? [...pictures] : [];
}

/** Files of a folder that have no place in a layout, by folder. */
export function leftOut(node: FolderNode, folders: ReadonlySet<string>): { folder: string; files: number }[] {
  const holding = allFolders(node).filter(({ pictures, masks }) => pictures.length + masks.size > 0);
  if (holding.length > 0 && !holding.some(({ path }) => folders.has(path)))
    return [{ folder: node.path || '.', files: filesBelow(node) }];
  const own = node.pictures.length + node.masks.size;
  const here = own > 0 && !folders.has(node.path) ? [{ folder: node.path || '.', files: own }] : [];
  return [...here, ...node.folders.flatMap((folder) => leftOut(folder, folders))];
}
