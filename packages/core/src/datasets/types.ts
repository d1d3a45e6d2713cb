/** What every dataset reader answers. */

/** A picture with a defect and the mask that marks it. */
export interface DefectImage {
  readonly path: string;
  /** Defect type, by the dataset's own name. */
  readonly type: string;
  /** As {@link pictureName} says; unique within its type. */
  readonly name: string;
  /** Masks that mark it together; all data sets but MVTec LOCO AD have one a picture. */
  readonly maskPaths: readonly string[];
  /** The half of the dataset that the picture belongs to. */
  readonly split: 'train' | 'test';
}

/** Ways that datasets are laid out on disk. MPDD and most conversions share MVTec's. */
export type DatasetLayout =
  | 'mvtec'
  | 'mvtec-loco'
  | 'mvtec-3d'
  | 'visa'
  | 'ksdd'
  | 'ksdd2'
  | 'btad'
  | 'dagm'
  | 'folder';

/** One category of a dataset; all lists in natural order of their paths. */
export interface Dataset {
  readonly category: string;
  readonly layout: DatasetLayout;
  /** Good pictures to compare with and to train on. */
  readonly normals: readonly string[];
  /** Good pictures kept for testing. */
  readonly testGood: readonly string[];
  readonly defects: readonly DefectImage[];
  /** What somebody should know who compares figures: pictures that are missing, masks that are coarse; sentences. */
  readonly notes: readonly string[];
}
