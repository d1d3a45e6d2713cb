/** `@adclick/core/datasets`: folders of pictures with known masks, in the layouts of the public collections. */
export { readDefectMask } from '../datasets/defect-mask.ts';
export { openCategory, withDefects } from '../datasets/detect.ts';
export { pictureName } from '../datasets/files.ts';
export { openDataset } from '../datasets/mvtec.ts';
export type { Dataset, DatasetLayout, DefectImage } from '../datasets/types.ts';
export { type DefectSplit, splitDefects } from '../evaluation/splits.ts';
