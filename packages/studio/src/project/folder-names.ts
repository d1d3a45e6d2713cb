/** What names of files and folders say: which hold good pictures, which masks, which are masks themselves. */
import { extname } from 'node:path';
import { IMAGE_EXTENSIONS } from '@adclick/core/files';

/** Formats of pictures that are not read: a person who has them in a folder expects to see them. */
const OTHER_PICTURES = new Set(
  '.avif .arw .cr2 .dcm .dng .exr .gif .heic .heif .hdr .j2k .jfif .jp2 .jpe .jxl .nef .pbm .pgm .pnm .ppm .psd .svg'.split(
    ' ',
  ),
);
/** Folders that systems and programs put among pictures. */
const FOREIGN_FOLDERS = new Set(['@eadir', '__macosx', '$recycle.bin', 'system volume information']);

const GOOD_NAMES = new Set(
  'good goods ok okay io normal normals pass passed free clean healthy defectfree defectless nodefect nodefects nondefective undamaged 良品 正常 合格'.split(
    ' ',
  ),
);
const BAD_NAMES = new Set(
  'bad ng ko nok nio notok defect defects defective abnormal abnormals anomaly anomalies anomalous fail failed reject rejects faulty damaged broken 不良 不良品 异常 缺陷'.split(
    ' ',
  ),
);
const MASK_NAMES = new Set(
  'mask masks groundtruth groundtruths gt gts label labels annotation annotations seg segmentation segmentations segmentationclass'.split(
    ' ',
  ),
);
/** Folders between a name that says something and the pictures. */
const HOLDER_NAMES = new Set('data dataset image images img imgs picture pictures photo photos rgb'.split(' '));
/** What else is measured of a part: point clouds, depth. */
const OTHER_DATA = new Set('xyz depth pcd pointcloud pointclouds thermal normalmap'.split(' '));

/** A name without case, separators and Unicode form. */
const plain = (name: string) =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_.-]+/g, '');

/** Names as people combine them: `ok_images`, `good-1`, `train normal`. */
const words = (name: string) =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .split(/[\s_.-]+/)
    .map((word) => word.replace(/\d+$/, ''))
    .filter(Boolean);

const FILLERS = new Set([
  ...HOLDER_NAMES,
  'train',
  'training',
  'test',
  'testing',
  'val',
  'samples',
  'sample',
  'parts',
  'dir',
]);

/** Whether a name is one of a set, alone or with words that say nothing else. */
function means(name: string, names: ReadonlySet<string>): boolean {
  if (names.has(plain(name))) return true;
  const said = words(name).filter((word) => !FILLERS.has(word));
  return said.length === 1 && names.has(said[0]);
}

/** Whether a folder's name says that its pictures have no defect. */
export const isGoodName = (name: string): boolean => means(name, GOOD_NAMES);

/** Whether a folder's name says that its pictures have defects, though not which. */
export const isBadName = (name: string): boolean => means(name, BAD_NAMES);

/** Whether a folder is called as those that hold masks are; what lies in it has to agree. */
export function isMaskName(name: string): boolean {
  if (MASK_NAMES.has(plain(name))) return true;
  // As in `abnormal_masks` and `mask_bad`.
  const said = words(name);
  return said.length > 1 && (MASK_NAMES.has(said[0]) || MASK_NAMES.has(said.at(-1) as string));
}

/** Whether a folder only holds the pictures of the folder that it lies in. */
export const isHolderName = (name: string): boolean => HOLDER_NAMES.has(plain(name));

/** Whether a folder holds what belongs to pictures and is none. */
export const isOtherData = (name: string): boolean => OTHER_DATA.has(plain(name));

/** Whether a folder only numbers parts: `S0001`, `kos12`, `12`. */
export const isNumbered = (name: string): boolean => /^\D{0,4}\d+$/.test(name);

/** Which part of a dataset a folder is. */
export function splitOf(name: string): 'train' | 'validation' | 'test' | undefined {
  const [first = '', ...others] = words(name);
  const rest = others.every((word) => /^(set|data|images|imgs|public|private|mixed|split)$/.test(word));
  if (!rest) return undefined;
  if (/^train(ing)?(set)?$/.test(first)) return 'train';
  if (/^val(id|idation)?(set)?$/.test(first)) return 'validation';
  return /^test(ing)?(set)?$/.test(first) ? 'test' : undefined;
}

/** As {@link splitOf}, also for names that say more, such as `normal_test`. */
export function splitSaid(name: string): 'train' | 'validation' | 'test' | undefined {
  const said = words(name).map((word) => splitOf(word));
  return said.find((split) => split === 'test') ?? said.find((split) => split !== undefined);
}

/** Whether a file name is hidden, as is everything that macOS leaves on foreign disks (`._x.png`). */
export const isHiddenName = (name: string): boolean => name.startsWith('.');

/** Whether a folder is none that a person put there. */
export const isForeignFolder = (name: string): boolean => isHiddenName(name) || FOREIGN_FOLDERS.has(name.toLowerCase());

/** Whether a file name has the ending of a picture, hidden or not. */
export const hasPictureEnding = (name: string): boolean => IMAGE_EXTENSIONS.has(extname(name).toLowerCase());

/** Whether a file name looks like a picture. */
export const isPictureName = (name: string): boolean => !isHiddenName(name) && hasPictureEnding(name);

/** Whether a file is a picture of a kind that is not read. */
export const isOtherPicture = (name: string): boolean => OTHER_PICTURES.has(extname(name).toLowerCase());

/** A file name without its ending. */
export const stemOf = (name: string): string => name.slice(0, name.length - extname(name).length);

/** Endings of masks that lie beside their picture: `_mask`; KolektorSDD's `_label`; KolektorSDD2's `_GT`. */
const MASK_ENDING = /^(.+?)[_-](?:mask|masks|label|labels|gt|ground_?truth|seg)$/i;

/** The name of the picture that a mask's name speaks of, both without ending of the file; undefined for a name of another kind. */
export const maskedStem = (stem: string): string | undefined => MASK_ENDING.exec(stem)?.[1];

/**
 * Which of the files of one folder are masks of others in it, by the name of the picture. A name that ends in `_mask` is a mask only
 * beside a picture of that name: products are called all sorts of things.
 * @param names of pictures and masks. @returns picture by mask.
 */
export function masksBeside(names: readonly string[]): Map<string, string> {
  const byStem = new Map<string, string>();
  for (const name of names) byStem.set(stemOf(name), name);
  const found = new Map<string, string>();
  for (const name of names) {
    const stem = maskedStem(stemOf(name));
    const picture = stem === undefined ? undefined : byStem.get(stem);
    if (picture !== undefined) found.set(name, picture);
  }
  return found;
}

/** Lies in every export: tells that it is one, and which image each file belongs to where the format itself has no place for that. */
export const RECORDS_FILE = 'adclick-export.json';
