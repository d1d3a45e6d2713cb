/** What every exchange format reads and writes: labelled images, as plain data, and the report of what came of them. */
import type { Rle } from '@adclick/core';
import type { Format as FormatName, ImageState } from '../api.ts';
import type { Source } from './source.ts';
import type { Target } from './target.ts';

/** The mask of one defect type. */
export interface TypedLayer {
  /** Name of the defect type. */
  readonly type: string;
  readonly rle: Rle;
}

/** An image with everything that is known of it. */
export interface LabelledImage {
  /** Relative to the project, with `/` between its parts. */
  readonly path: string;
  /** Pixels of the upright original. Both 0 when a file that is read does not say; only images without layers may lack them. */
  readonly width: number;
  readonly height: number;
  readonly state: ImageState;
  /** At most one a type, none of them empty. */
  readonly layers: readonly TypedLayer[];
  /** Category of the project, where it is known. */
  readonly category?: string;
  /** Whether it is one of the good pictures that others are compared with. */
  readonly reference?: boolean;
  /** Whether some of its annotations were left out: what the picture has of other types stays then. */
  readonly partial?: boolean;
  /** Whether the picture is not the one any more that was labelled. */
  readonly changed?: boolean;
  /** Whether nobody has labelled it in the database, and mask files, which do not count there, mark a defect in it. */
  readonly maskFiles?: boolean;
}

/** A label that did not get through, and why. */
export interface LeftOut {
  readonly path: string;
  /** Defect type, when only that part of the image is concerned. */
  readonly type?: string;
  readonly reason: string;
}

/** What a format is told when it writes. */
export interface WriteOptions {
  /** Where the picture of an image lies on disk; without it only labels are written. */
  readonly pictureOf?: (image: LabelledImage) => string;
  /** Name of the category for images that do not tell theirs. */
  readonly category?: string;
  /** Pixels by which polygons may leave the exact contour, to save corners; default 0. Only polygon formats use it. */
  readonly simplify?: number;
  /** Called for everything that cannot be written. */
  readonly leftOut: (entry: LeftOut) => void;
}

/** A picture of the project. */
export interface KnownPicture {
  readonly path: string;
  readonly width: number;
  readonly height: number;
}

/** What a format is told when it reads. */
export interface ReadOptions {
  /**
   * The picture of the project that a name in the files means, for formats that do not say sizes or endings.
   * @param name a path, or with `stem` a path without its ending. @returns undefined when there is none, or it could be several.
   */
  readonly inProject?: (name: string, stem?: boolean) => KnownPicture | undefined;
  /** Called for everything in the files that is no mask of an image. */
  readonly leftOut: (entry: LeftOut) => void;
}

/** One exchange format, both ways. */
export interface Format {
  readonly name: FormatName;
  /** In words, for people. */
  readonly describe: string;
  /** What the format cannot hold; docs/formats.md says more. */
  readonly exactness: 'exact' | 'one type a pixel' | 'polygons';
  /**
   * Writes images that are good and have no layers, or are defective and have some; whoever calls sorts out the others.
   * @throws ADC_EXCHANGE_NAME, ADC_DISK.
   */
  write(images: AsyncIterable<LabelledImage>, target: Target, options: WriteOptions): Promise<void>;
  /**
   * Reads images one by one. An image without a region is taken as good; one whose regions were all left out is not given.
   * @throws ADC_EXCHANGE_EMPTY; what reading the files threw when none of them could be read.
   */
  read(source: Source, options: ReadOptions): AsyncIterable<LabelledImage>;
}

/** How an image came out changed. */
export interface ChangedImage {
  readonly path: string;
  /** Pixels that differ between the label and what was written, over all types. */
  readonly pixels: number;
}

/** How an export went. */
export interface ExchangeReport {
  readonly format: FormatName;
  readonly target: string;
  /** Images in the export. */
  readonly images: number;
  /** Images that have no label yet and therefore are not in it. */
  readonly unlabelled: number;
  /** How many of those have mask files that do not count, since the project has a database. */
  readonly maskFiles: number;
  /** Images whose masks are not what they were; found by reading the export again. */
  readonly changed: readonly ChangedImage[];
  readonly leftOut: readonly LeftOut[];
}

/** Labels that an import has put others in the place of. */
export interface Replaced {
  readonly path: string;
  /** Folder that holds the mask files which were there before, relative to the project; undefined where the image's history has them. */
  readonly kept?: string;
}

/** How an import went. */
export interface ImportReport {
  readonly format: FormatName;
  readonly source: string;
  /** Images that got their labels from the files, and how many of them have a defect. */
  readonly images: number;
  readonly defects: number;
  /** Images that had another mask before. */
  readonly replaced: readonly Replaced[];
  readonly leftOut: readonly LeftOut[];
}
