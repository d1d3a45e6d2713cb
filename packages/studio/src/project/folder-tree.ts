/** A folder with everything below it that has pictures: what is looked at to tell how the pictures are laid out. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readMask, readRgb } from '@adclick/core';
import { passOver, passOverIfThere } from '../log.ts';
import { liesIn, parallel } from './finding.ts';
import { isForeignFolder, isPictureName, maskedStem, masksBeside, RECORDS_FILE, stemOf } from './folder-names.ts';

/** Folders below folders that are looked at. */
const DEPTH = 8;
/** Files that are opened to see whether a folder holds masks. */
const SAMPLES = 3;
/** Share of a mask's pixels that have one of its few values, though JPEG may have blurred them; and of pixels that are black. */
const FEW = { values: 8, share: 0.98, black: 0.4 };

export interface FolderNode {
  readonly name: string;
  /** From the top, with forward slashes; '' at the top. */
  readonly path: string;
  /** File names of pictures, without masks that lie beside them. */
  readonly pictures: readonly string[];
  /** Masks beside their pictures: picture by mask. */
  readonly masks: ReadonlyMap<string, string>;
  readonly folders: readonly FolderNode[];
}

/** Reads a folder. Links are followed unless they lead back; folders without pictures in or below them are left out. */
export async function readTree(root: string): Promise<FolderNode> {
  const read = async (name: string, path: string, real: string, around: readonly string[]): Promise<FolderNode> => {
    const entries: Dirent[] = await readdir(join(root, path), { withFileTypes: true }).catch(
      (err) => passOver('folder not read', { path })(err) ?? [],
    );
    const names = entries.filter((entry) => !entry.isDirectory() && isPictureName(entry.name)).map((e) => e.name);
    const masks = masksBeside(names);
    const folders: FolderNode[] = [];
    if (around.length < DEPTH)
      for (const entry of entries) {
        if (isForeignFolder(entry.name)) continue;
        const below = path === '' ? entry.name : `${path}/${entry.name}`;
        let place = entry.isDirectory() ? join(real, entry.name) : undefined;
        if (entry.isSymbolicLink()) {
          const there = await realpath(join(root, below)).catch(passOverIfThere('link not followed', { path: below }));
          const isFolder = there !== undefined && (await stat(there)).isDirectory();
          if (isFolder && !liesIn(real, [there]) && !around.includes(there)) place = there;
        }
        if (place === undefined) continue;
        const node = await read(entry.name, below, place, [...around, real]);
        if (node.pictures.length > 0 || node.folders.length > 0) folders.push(node);
      }
    const isExport = entries.some((entry) => entry.name === RECORDS_FILE);
    return {
      name,
      path,
      pictures: isExport ? [] : names.filter((picture) => !masks.has(picture)).sort(),
      masks: isExport ? new Map() : masks,
      folders: isExport ? [] : folders.sort((a, b) => (a.name < b.name ? -1 : 1)),
    };
  };
  return read('', '', await realpath(root), []);
}

/** A folder and all below it. */
export const allFolders = (node: FolderNode): FolderNode[] => [node, ...node.folders.flatMap(allFolders)];

/** How many pictures a folder and those below it hold, masks beside pictures counted too. */
export const filesBelow = (node: FolderNode): number =>
  allFolders(node).reduce((sum, { pictures, masks }) => sum + pictures.length + masks.size, 0);

/** Whether files are black with a few values, as masks are; undefined where none can be read. */
async function lookLikeMasks(paths: readonly string[]): Promise<boolean | undefined> {
  let read = 0;
  for (const path of paths.slice(0, SAMPLES)) {
    const image = await readRgb(path).catch(passOver('picture not read', { path }));
    if (!image) continue;
    read++;
    const counts = new Uint32Array(256);
    for (let i = 0; i < image.data.length; i += 3)
      counts[Math.max(image.data[i], image.data[i + 1], image.data[i + 2])]++;
    const pixels = image.data.length / 3;
    const most = [...counts].sort((a, b) => b - a).slice(0, FEW.values);
    const few = most.reduce((sum, count) => sum + count, 0) >= FEW.share * pixels;
    if (!few || counts[0] < FEW.black * pixels) return false;
  }
  return read > 0 ? true : undefined;
}

/** Paths of some pictures of a folder and those below it, spread over it. */
function samplesOf(root: string, node: FolderNode): string[] {
  const all = allFolders(node).flatMap(({ path, pictures }) => pictures.map((name) => join(root, path, name)));
  const step = Math.max(1, Math.floor(all.length / SAMPLES));
  return all.filter((_, i) => i % step === 0);
}

/** Names that masks may have for a picture, and pictures for a mask. */
const partners = (stem: string) => [stem, maskedStem(stem) ?? stem];

const share = (names: readonly string[], stems: ReadonlySet<string>) =>
  names.length === 0
    ? 0
    : names.filter((name) => partners(stemOf(name)).some((stem) => stems.has(stem))).length / names.length;

/**
 * Whether a folder that is called as masks are does hold masks: its folders are called as those beside it, or its files as the pictures
 * there. Where pictures of the same numbers lie in folders of other kinds, the files are opened: a type of defect, or a product, may be
 * called `mask` too.
 * @param beside the other folders of the folder it lies in. @param holders those of them that only hold the pictures of that folder.
 */
export async function holdsMasks(
  root: string,
  node: FolderNode,
  parent: FolderNode,
  beside: readonly FolderNode[],
  holders: readonly FolderNode[],
): Promise<boolean> {
  const around = new Set(beside.flatMap(allFolders).map(({ name }) => name.toLowerCase()));
  if (node.folders.some(({ name }) => around.has(name.toLowerCase()))) return true;
  const names = allFolders(node).flatMap(({ pictures }) => pictures);
  const stems = (nodes: readonly FolderNode[]) => new Set(nodes.flatMap(({ pictures }) => pictures.map(stemOf)));
  if (share(names, stems([parent, ...holders])) >= 0.5) return true;
  const near = share(names, stems(beside.flatMap(allFolders))) >= 0.5;
  return (await lookLikeMasks(samplesOf(root, node))) ?? near;
}

/**
 * Pictures of a folder whose mask marks a pixel.
 * @param masks file of a mask by name of the picture. A mask that cannot be read says that something is marked: nobody takes its picture
 * for a good one.
 */
export async function markedPictures(masks: ReadonlyMap<string, readonly string[]>): Promise<Set<string>> {
  const marked = new Set<string>();
  await parallel([...masks], async ([picture, files]) => {
    for (const file of files) {
      if (marked.has(picture)) break;
      const mask = await readMask(file).catch(passOver('mask not read', { path: file }));
      if (!mask || mask.data.includes(1)) marked.add(picture);
    }
  });
  return marked;
}

/** Endings of masks that have the names of their pictures, and of those pictures. */
export interface Twins {
  readonly masks: string;
  readonly pictures: string;
}

/** Whether a folder holds files with the names of others in it but another ending, that are masks. @param known how other folders have them. */
export async function twinEndings(root: string, node: FolderNode, known: readonly Twins[]): Promise<Twins | undefined> {
  const endings = new Map<string, Set<string>>();
  for (const name of node.pictures) {
    const ending = name.slice(stemOf(name).length);
    endings.set(ending, (endings.get(ending) ?? new Set()).add(stemOf(name)));
  }
  if (endings.size !== 2) return undefined;
  for (const [masks, stems] of endings) {
    const [pictures, others] = [...endings].find(([ending]) => ending !== masks) as [string, Set<string>];
    if (!/png|bmp|tif/i.test(masks) || ![...stems].every((stem) => others.has(stem))) continue;
    // Ten thousand folders of one data set are not opened one by one.
    if (known.some((one) => one.masks === masks && one.pictures === pictures)) return { masks, pictures };
    const files = [...stems].map((stem) => join(root, node.path, stem + masks));
    if (await lookLikeMasks(files)) return { masks, pictures };
  }
  return undefined;
}

/** Masks of a folder's pictures: those beside them, and those in folders of masks that have their names. */
export function masksFor(
  root: string,
  node: FolderNode,
  maskNodes: readonly FolderNode[],
): Map<string, readonly string[]> {
  const byStem = new Map<string, string[]>();
  const add = (stem: string, file: string) => byStem.set(stem, [...(byStem.get(stem) ?? []), file]);
  for (const { path, pictures } of maskNodes)
    for (const name of pictures) for (const stem of new Set(partners(stemOf(name)))) add(stem, join(root, path, name));
  const found = new Map<string, readonly string[]>();
  for (const name of node.pictures) {
    const files = byStem.get(stemOf(name));
    if (files) found.set(name, files);
  }
  for (const [mask, picture] of node.masks)
    found.set(picture, [...(found.get(picture) ?? []), join(root, node.path, mask)]);
  return found;
}
