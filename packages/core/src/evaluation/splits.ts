/** Which defects train a detector and which test it: ten leave the test set, the rest stays. */
import { mvtecName } from '../datasets/published.ts';
import type { DefectImage } from '../datasets/types.ts';
import { numpyShuffle } from './numpy-shuffle.ts';

/**
 * The ten training defects of each MVTec AD category as SemiREST and ADClick picked them: NumPy's shuffle with seed 0 over a list
 * in the order that their index file stores, which is not sorted, so they are written out here. `type numbers; …`
 */
const MVTEC_PICKS: Readonly<Record<string, string>> = {
  bottle: 'broken_small 2 5 8 10 21; broken_large 8 11 13; contamination 2 11',
  cable:
    'cut_outer_insulation 2; cut_inner_insulation 1 3 12; combined 3 6; poke_insulation 1 9; missing_wire 7; bent_wire 1',
  capsule: 'faulty_imprint 9 18 20; scratch 2 7 10 16; crack 1; poke 12 20',
  carpet: 'cut 2 13; thread 2 15; metal_contamination 7 9 11; hole 13; color 8 18',
  grid: 'bent 0 1 7; thread 4 10; broken 2 11; glue 9 10; metal_contamination 10',
  hazelnut: 'crack 5 9 10 13 17; hole 13 16; cut 7; print 6 16',
  leather: 'cut 2 13 16; glue 3 5 14; poke 5 13; color 3 7',
  metal_nut: 'scratch 2 13 16; bent 7 10 22; flip 3 7 13; color 6',
  pill: 'combined 0 6 9 15; contamination 7 8; crack 4 9; scratch 6; color 7',
  screw: 'scratch_neck 1; scratch_head 17 22 23; manipulated_front 7 8 10 22; thread_side 1; thread_top 21',
  tile: 'crack 4 8 12; rough 5 8; gray_stroke 0 4 6; oil 2 8',
  toothbrush: 'defective 2 10 11 13 17 22 24 26 27 28',
  transistor: 'bent_lead 0 2 5 8 9; misplaced 4; cut_lead 0 1 5 8',
  wood: 'combined 1 5 7; hole 2 3 8; color 6 7; scratch 2 11',
  zipper: 'combined 8 11; fabric_border 3 8 9 11; split_teeth 7 8 10; broken_teeth 4',
};

/** The ten training defects of KolektorSDD2, picked in the same way from the 246 of its training half. */
const KSDD2_PICKS = '10774 11025 10661 11040 10648 11230 10952 11363 11506 11905'.split(' ');

const PICKED = 10;

/** `type/name` of published picks; none for other categories. @param halved whether the data set itself has defects for both uses. */
function published(category: string, halved: boolean): Set<string> {
  if (halved) return new Set(KSDD2_PICKS.map((name) => `defect/${name}`));
  const name = mvtecName(category);
  if (name === undefined) return new Set();
  const names = MVTEC_PICKS[name].split('; ').flatMap((part) => {
    const [type, ...numbers] = part.split(' ');
    return numbers.map((number) => `${type}/${number.padStart(3, '0')}`);
  });
  return new Set(names);
}

/** Defects that train, and those that are left to test on, both in the order of the dataset. */
export interface DefectSplit {
  readonly train: readonly DefectImage[];
  readonly test: readonly DefectImage[];
  /** How the training defects were chosen. */
  readonly picks: 'published' | 'shuffled';
}

/**
 * Splits a category's defects. Where the data set itself has some to train on and some to test on (KolektorSDD2, DAGM), training defects come
 * from the former and the latter are tested, all of them.
 * @param defects all of them, sorted by path. @param count training defects; where they leave the tested ones, all but one at most.
 * @param seed of NumPy's shuffle of the list. With 10 and seed 0 the published picks are taken where the category has them all.
 */
export function splitDefects(
  category: string,
  defects: readonly DefectImage[],
  { count = PICKED, seed = 0 }: { readonly count?: number; readonly seed?: number } = {},
): DefectSplit {
  const key = ({ type, name }: DefectImage) => `${type}/${name}`;
  const ofHalf = (half: DefectImage['split']) => defects.filter(({ split }) => split === half);
  const halved = ofHalf('train').length > 0 && ofHalf('test').length > 0;
  const pool = halved ? ofHalf('train') : defects;
  const wanted = count === PICKED && seed === 0 ? published(category, halved) : undefined;
  const found = pool.filter((defect) => wanted?.has(key(defect)));
  const isPublished = found.length === PICKED;
  const most = halved ? pool.length : Math.max(0, pool.length - 1);
  const train = new Set(isPublished ? found : numpyShuffle(pool, seed).slice(0, Math.min(count, most)));
  return {
    train: pool.filter((defect) => train.has(defect)),
    test: halved ? ofHalf('test') : pool.filter((defect) => !train.has(defect)),
    picks: isPublished ? 'published' : 'shuffled',
  };
}
