/** What every exchange format reads and writes: labelled images, as plain data, and the report of what came of them. */
import type { Rle } from '@adclick/core/geometry';
import type { Format as FormatName, ImageState } from '../api.ts';

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
  /** Whether its annotations were passed over, since no picture has its name and size; it has no layers then, whatever it is. */
  readonly unpainted?: boolean;
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
