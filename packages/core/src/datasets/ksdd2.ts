/** The KolektorSDD2 layout: `train` and `test` with `<name>.png` beside `<name>_GT.png`; a picture is good when its mask is empty. */
import { basename, join, resolve } from 'node:path';
import { fail } from '../errors.ts';
import { readBeside } from './beside.ts';
import { categoryFolder } from './files.ts';
import type { Dataset } from './types.ts';

/** How a mask's name goes on behind its picture's. */
export const KSDD2_MASK = '_GT.png';

/**
 * Lists the dataset. Defective pictures of both halves are listed, told apart by `split`.
 * @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when no picture of `train` is good.
 */
export async function openKsdd2(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const train = await readBeside(root, 'train', KSDD2_MASK, 'train');
  const test = await readBeside(root, 'test', KSDD2_MASK, 'test');
  if (train.good.length === 0) throw fail('ADC_NO_NORMALS', { path: join(root, 'train') });
  return {
    category: basename(resolve(root)),
    layout: 'ksdd2',
    normals: train.good,
    testGood: test.good,
    defects: [...train.defects, ...test.defects],
    notes: [],
  };
}
