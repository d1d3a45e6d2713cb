/** The KolektorSDD layout: a folder `kosNN` for each commutator with `PartN.jpg` beside `PartN_label.bmp`; a picture is good when its mask is empty. */
import { basename, resolve } from 'node:path';
import { fail } from '../errors.ts';
import { type Half, readBeside } from './beside.ts';
import { categoryFolder, listFolders } from './files.ts';
import type { Dataset } from './types.ts';

/** How a mask's name goes on behind its picture's. */
export const KSDD_MASK = '_label.bmp';
const COMMUTATOR = /^kos\d+$/i;

/** The good pictures of one commutator in so many are tested: those of one look alike, so none is on both sides. */
const ONE_IN = 5;

/** Folders of commutators in a folder, in natural order. */
export const commutatorsIn = async (root: string): Promise<string[]> =>
  (await listFolders(root)).filter((name) => COMMUTATOR.test(name));

/**
 * Lists the dataset. It comes without a division into training and test pictures: the good pictures of every fifth commutator are tested,
 * those of the others are compared with, and all defects are there to test on.
 * @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when no picture to compare with is good.
 */
export async function openKsdd(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const commutators = await commutatorsIn(root);
  if (commutators.length === 0) throw fail('ADC_DATASET', { path: root, what: 'no folder kos01, kos02 …' });
  const parts: Half[] = [];
  for (const name of commutators) parts.push(await readBeside(root, name, KSDD_MASK, 'test'));
  const good = (isTested: boolean) =>
    parts.filter((_, i) => (i % ONE_IN === ONE_IN - 1) === isTested).flatMap((part) => part.good);
  const normals = good(false);
  if (normals.length === 0) throw fail('ADC_NO_NORMALS', { path: root });
  return {
    category: basename(resolve(root)),
    layout: 'ksdd',
    normals,
    testGood: good(true),
    defects: parts.flatMap(({ defects }) => defects),
    notes: [
      'KolektorSDD comes undivided: the good pictures of every fifth commutator are tested, those of the others are compared with.',
    ],
  };
}
