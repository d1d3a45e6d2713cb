/** `@adclick/core/files`: folders of pictures, names and paths that are the same on every system, and files that appear whole. */
export { IMAGE_EXTENSIONS, isFolder, naturalOrder } from '../datasets/files.ts';
export { describeIoError, isMissing, writeFileAtomic } from '../files.ts';
export { fromStored, isInside, nameKey, toStored, withSlashes } from '../paths.ts';
