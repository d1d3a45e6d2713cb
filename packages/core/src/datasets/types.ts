/** What every dataset reader answers. */

/** A picture with a defect and the mask that marks it. */
export interface DefectImage {
  readonly path: string;
  /** Defect type, by the dataset's own name. */
  readonly type: string;
  /** File name without extension; unique within its type. */
  readonly name: string;
  readonly maskPath: string;
  /** The half of the dataset that the picture belongs to. */
  readonly split: 'train' | 'test';
}

/** Ways that datasets are laid out on disk. MPDD, KolektorSDD's and other conversions share MVTec's. */
export type DatasetLayout = 'mvtec' | 'visa' | 'ksdd2' | 'btad' | 'folder';

/** One category of a dataset; all lists in natural order of their paths. */
export interface Dataset {
  readonly category: string;
  readonly layout: DatasetLayout;
  /** Good pictures to compare with and to train on. */
  readonly normals: readonly string[];
  /** Good pictures kept for testing. */
  readonly testGood: readonly string[];
  readonly defects: readonly DefectImage[];
}
