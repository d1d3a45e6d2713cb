/** What every exchange format offers, both ways. */
import type { Format as FormatName } from '../api.ts';
import type { Budget } from './budget.ts';
import type { Source } from './source.ts';
import type { Target } from './target.ts';
import type { LabelledImage, LeftOut } from './types.ts';

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
  /**
   * Whether there is a picture for an image of that name and size. Nothing is painted where there is none, as any size can stand in a file;
   * without it everything is painted.
   */
  readonly fits?: (path: string, width: number, height: number) => boolean;
  /** What reading may cost; without it there is no limit. */
  readonly budget?: Budget;
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
