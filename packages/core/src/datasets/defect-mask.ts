/** Reading what marks a defect: one mask, or several that mark it together. */
import { readMask } from '../image/codec.ts';
import type { Size } from '../image/header.ts';
import type { Mask } from '../image/types.ts';
import type { DefectImage } from './types.ts';

/**
 * All that is marked of a defect's picture.
 * @param want the picture's size. @throws what {@link readMask} throws.
 */
export async function readDefectMask({ maskPaths: [first, ...others] }: DefectImage, want: Size): Promise<Mask> {
  const mask = await readMask(first, want);
  for (const path of others) {
    const { data } = await readMask(path, want);
    for (let i = 0; i < data.length; i++) if (data[i] === 1) mask.data[i] = 1;
  }
  return mask;
}
