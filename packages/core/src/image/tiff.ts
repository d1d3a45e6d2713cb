/** Reading of TIFF directories, the structure that TIFF files and EXIF blocks share, and finding the page that is the picture; never decodes pixels. */

/** Tags that the codec asks for. */
export const TIFF_TAGS = {
  newSubfileType: 254,
  subfileType: 255,
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  orientation: 274,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planarConfiguration: 284,
  predictor: 317,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  subDirectories: 330,
  extraSamples: 338,
  sampleFormat: 339,
} as const;

const BYTES_OF_TYPE: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8 };

/** Values of sample format (tag 339). */
export const SAMPLE_FORMAT = { unsigned: 1, signed: 2, float: 3 } as const;

/** Directories that are looked at: a file of more is no picture, or was made to keep somebody busy. */
const MOST_PAGES = 10_000;
/** Entries of a directory that are looked at. */
const MOST_ENTRIES = 4096;

/** Where a TIFF structure begins and how its numbers are written. */
interface Layout {
  readonly view: DataView;
  readonly little: boolean;
  /** BigTIFF: offsets of 64 bits. */
  readonly big: boolean;
}

/** One directory: the tags of a page. */
export interface Directory {
  /** Whether its numbers, and the samples of its page, are little-endian. */
  readonly little: boolean;
  /** First value of every whole-number tag. */
  readonly tags: ReadonlyMap<number, number>;
  /** Where its entry count stands, and where the pointer to the next one does. */
  readonly at: number;
  readonly nextAt: number;
  /** The values of a tag, at most so many. */
  readonly values: (tag: number, most: number) => number[];
}

/** The page of a TIFF file that is its picture. */
export interface FullPage extends Directory {
  /** Pages that are neither thumbnails nor masks by their own word. */
  readonly pages: number;
  /** Which of them this one is, from 0. */
  readonly page: number;
  /** Whether the file holds this directory alone. */
  readonly alone: boolean;
}

function layoutOf(bytes: Uint8Array): Layout | undefined {
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return undefined;
  const little = order === 0x4949;
  const version = view.getUint16(2, little);
  return version === 42 || version === 43 ? { view, little, big: version === 43 } : undefined;
}

const offsetAt = ({ view, little, big }: Layout, at: number): number =>
  big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);

function numberAt({ view, little }: Layout, at: number, width: number): number {
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, little);
  return width === 4 ? view.getUint32(at, little) : Number(view.getBigUint64(at, little));
}

/** @throws RangeError when the directory lies beyond the end. */
function directoryAt(layout: Layout, start: number): Directory {
  const { view, little, big } = layout;
  const count = big ? Number(view.getBigUint64(start, little)) : view.getUint16(start, little);
  const [head, size, inline] = big ? [8, 20, 8] : [2, 12, 4];
  const tags = new Map<number, number>();
  const places = new Map<number, readonly [at: number, width: number, count: number]>();
  for (let i = 0; i < Math.min(count, MOST_ENTRIES); i++) {
    const entry = start + head + i * size;
    const tag = view.getUint16(entry, little);
    const width = BYTES_OF_TYPE[view.getUint16(entry + 2, little)];
    const values = offsetAt(layout, entry + 4);
    if (width === undefined || values === 0) continue;
    const slot = entry + (big ? 12 : 8);
    const at = width * values <= inline ? slot : offsetAt(layout, slot);
    if (at + width > view.byteLength) continue;
    tags.set(tag, numberAt(layout, at, width));
    places.set(tag, [at, width, values]);
  }
  const values = (tag: number, most: number): number[] => {
    const [at, width, has] = places.get(tag) ?? [0, 1, 0];
    const there = Math.floor((view.byteLength - at) / width);
    return Array.from({ length: Math.min(has, most, there) }, (_, i) => numberAt(layout, at + i * width, width));
  };
  return { little, tags, at: start, nextAt: start + head + count * size, values };
}

/** Where the next directory stands; 0 after the last. */
const nextOf = (layout: Layout, { nextAt }: Directory): number =>
  nextAt + (layout.big ? 8 : 4) <= layout.view.byteLength ? offsetAt(layout, nextAt) : 0;

/** Directories one after another; a circle ends where it began, and one that lies beyond the end ends the chain. */
function chain(layout: Layout, start: number, seen: Set<number>): Directory[] {
  const found: Directory[] = [];
  for (let at = start; at !== 0 && !seen.has(at) && seen.size < MOST_PAGES; ) {
    seen.add(at);
    let directory: Directory;
    try {
      directory = directoryAt(layout, at);
    } catch (error) {
      if (found.length === 0) throw error;
      break;
    }
    found.push(directory);
    at = nextOf(layout, directory);
  }
  return found;
}

/**
 * First value of every whole-number tag of the first directory; classic TIFF and BigTIFF, both byte orders.
 * @returns undefined when it is not a TIFF structure; tags whose place lies beyond the end are left out.
 * @throws RangeError when the directory itself lies beyond the end (a truncated file).
 */
export function readDirectory(bytes: Uint8Array): ReadonlyMap<number, number> | undefined {
  const layout = layoutOf(bytes);
  return layout && directoryAt(layout, offsetAt(layout, layout.big ? 8 : 4)).tags;
}

/** Whether a directory says that it is a smaller copy or the mask of another. */
function isSecondary({ tags }: Directory): boolean {
  const kind = tags.get(TIFF_TAGS.newSubfileType) ?? 0;
  return (kind & 0b101) !== 0 || tags.get(TIFF_TAGS.subfileType) === 2;
}

/**
 * The page that is the picture: the first that is no smaller copy, by its own word or because another has at least twice its width and
 * height. Directories inside others (SubIFDs), where cameras and microscopes put full pictures and smaller copies alike, come after them.
 * @returns undefined when it is not a TIFF. @throws RangeError when its first directory lies beyond the end.
 */
export function fullPage(bytes: Uint8Array): FullPage | undefined {
  const layout = layoutOf(bytes);
  if (!layout) return undefined;
  const seen = new Set<number>();
  const main = chain(layout, offsetAt(layout, layout.big ? 8 : 4), seen);
  const inside = main.flatMap((directory) =>
    directory.values(TIFF_TAGS.subDirectories, MOST_PAGES).flatMap((at) => {
      if (seen.has(at) || seen.size >= MOST_PAGES) return [];
      seen.add(at);
      try {
        return [directoryAt(layout, at)];
      } catch {
        return [];
      }
    }),
  );
  const all = [...main, ...inside];
  if (all.length === 0) return undefined;
  const own = all.filter((directory) => !isSecondary(directory));
  const pages = own.length > 0 ? own : all;
  const sizes = pages.map(({ tags }) => [tags.get(TIFF_TAGS.width) ?? 0, tags.get(TIFF_TAGS.height) ?? 0] as const);
  const isCopy = ([width, height]: readonly [number, number]) =>
    sizes.some(([wide, high]) => wide >= 2 * width && high >= 2 * height);
  const page = Math.max(0, pages.length > 1 ? sizes.findIndex((size) => !isCopy(size)) : 0);
  const chosen = pages[page];
  return { ...chosen, pages: pages.length, page, alone: all.length === 1 && nextOf(layout, chosen) === 0 };
}

/** How the samples of a page are cut into blocks: tiles, or strips as wide as the page. */
export interface Blocks {
  readonly tiled: boolean;
  /** Pixels of one block. */
  readonly width: number;
  readonly height: number;
  /** Blocks side by side, one below the other, and times that they are there: each channel may have blocks of its own. */
  readonly across: number;
  readonly down: number;
  readonly planes: number;
}

/** The blocks of a page, as its directory says; a side that is none gives numbers that are none. */
export function blocksOf({ tags }: Directory, width: number, height: number, channels: number): Blocks {
  const [tileWidth, tileHeight] = [tags.get(TIFF_TAGS.tileWidth), tags.get(TIFF_TAGS.tileHeight)];
  const tiled = tileWidth !== undefined && tileHeight !== undefined;
  const rows = Math.min(tags.get(TIFF_TAGS.rowsPerStrip) ?? height, height);
  const [wide, high] = tiled ? [tileWidth, tileHeight] : [width, rows];
  const planes = tags.get(TIFF_TAGS.planarConfiguration) === 2 ? channels : 1;
  return { tiled, width: wide, height: high, across: Math.ceil(width / wide), down: Math.ceil(height / high), planes };
}

/** The file with one page alone: decoders then have neither a choice nor a chain to follow. */
export function withPageAlone(bytes: Uint8Array, { at, nextAt, alone }: FullPage): Uint8Array {
  const layout = layoutOf(bytes);
  const already = layout && alone && offsetAt(layout, layout.big ? 8 : 4) === at;
  if (!layout || already) return bytes;
  // Not slice(): a Buffer's shares its memory.
  const copy = new Uint8Array(bytes);
  const view = new DataView(copy.buffer);
  const put = (place: number, value: number) =>
    layout.big ? view.setBigUint64(place, BigInt(value), layout.little) : view.setUint32(place, value, layout.little);
  put(layout.big ? 8 : 4, at);
  if (nextAt + (layout.big ? 8 : 4) <= copy.length) put(nextAt, 0);
  return copy;
}
