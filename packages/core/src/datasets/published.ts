/** How many pictures the public data sets have, by category, and what is missing of one on disk. */
import type { Dataset, DatasetLayout } from './types.ts';

/** Pictures of a category. */
interface Counts {
  /** Good ones to compare with and to train on, and good ones to test on. */
  readonly good: readonly [train: number, test: number];
  readonly defects: number;
  /** Types of defect, where they are counted. */
  readonly types?: number;
}

/** A public data set. */
export interface PublishedSet {
  readonly name: string;
  readonly layout: DatasetLayout;
  /** By the name of the category's folder; under `''` those of a data set that is one category, whatever its folder is called. */
  readonly categories: ReadonlyMap<string, Counts>;
}

/** `category train/test good + defects (types)`, a line each. */
function table(lines: string): ReadonlyMap<string, Counts> {
  const rows = [...lines.matchAll(/(\S+) (\d+)\/(\d+) \+ (\d+)(?: \((\d+)\))?/g)];
  return new Map(
    rows.map(([, category, train, test, defects, types]) => [
      category,
      { good: [Number(train), Number(test)], defects: Number(defects), ...(types && { types: Number(types) }) },
    ]),
  );
}

/** The categories of MVTec AD (Bergmann et al., CVPR 2019, table 1). */
export const MVTEC_CATEGORIES = table(`
  carpet 280/28 + 89 (5)
  grid 264/21 + 57 (5)
  leather 245/32 + 92 (5)
  tile 230/33 + 84 (5)
  wood 247/19 + 60 (5)
  bottle 209/20 + 63 (3)
  cable 224/58 + 92 (8)
  capsule 219/23 + 109 (5)
  hazelnut 391/40 + 70 (4)
  metal_nut 220/22 + 93 (4)
  pill 267/26 + 141 (7)
  screw 320/41 + 119 (5)
  toothbrush 60/12 + 30 (1)
  transistor 213/60 + 40 (4)
  zipper 240/32 + 119 (7)`);

/** The sets whose counts are published; where papers and files differ, the lower one. */
export const PUBLISHED_SETS: readonly PublishedSet[] = [
  {
    name: 'MVTec AD',
    layout: 'mvtec',
    categories: MVTEC_CATEGORIES,
  },
  {
    // Jezek et al., ICUMT 2021: 888 to train on, 176 good and 282 defective to test on.
    name: 'MPDD',
    layout: 'mvtec',
    categories: table(`
      bracket_black 289/32 + 47 (2)
      bracket_brown 185/26 + 51 (2)
      bracket_white 110/30 + 30 (2)
      connector 128/30 + 14 (1)
      metal_plate 54/26 + 71
      tubes 122/32 + 69`),
  },
  {
    // Bergmann et al., VISAPP 2022: 2656 to train on, 249 good and 948 defective to test on (and 294 of validation, which are not read).
    name: 'MVTec 3D-AD',
    layout: 'mvtec-3d',
    categories: table(`
      bagel 244/22 + 88
      cable_gland 223/21 + 87
      carrot 286/27 + 132
      cookie 210/28 + 103
      dowel 288/26 + 104
      foam 236/20 + 80
      peach 361/26 + 106
      potato 300/22 + 92
      rope 298/32 + 69
      tire 210/25 + 87`),
  },
  {
    // Bergmann et al., IJCV 2022: 1772 to train on; the files have 360 of splicing_connectors, the paper 354.
    name: 'MVTec LOCO AD',
    layout: 'mvtec-loco',
    categories: table(`
      breakfast_box 351/102 + 173 (2)
      juice_bottle 335/94 + 236 (2)
      pushpins 372/138 + 172 (2)
      screw_bag 360/122 + 219 (2)
      splicing_connectors 354/119 + 193 (2)`),
  },
  {
    // Zou et al., ECCV 2022, divided by its 1cls.csv: 9621 good, 1200 defective.
    name: 'VisA',
    layout: 'visa',
    categories: table(`
      candle 900/100 + 100
      capsules 542/60 + 100
      cashew 450/50 + 100
      chewinggum 453/50 + 100
      fryum 450/50 + 100
      macaroni1 900/100 + 100
      macaroni2 900/100 + 100
      pcb1 904/100 + 100
      pcb2 901/100 + 100
      pcb3 905/101 + 100
      pcb4 904/101 + 100
      pipe_fryum 450/50 + 100`),
  },
  {
    // Mishra et al., ISIE 2021: 2540 pictures, 290 of them defective.
    name: 'BTAD',
    layout: 'btad',
    categories: table(`
      01 400/21 + 49 (1)
      02 399/30 + 200 (1)
      03 1000/400 + 41 (1)`),
  },
  {
    // Božič et al., Computers in Industry 2021; defects of both halves.
    name: 'KolektorSDD2',
    layout: 'ksdd2',
    categories: new Map([['', { good: [2085, 894], defects: 246 + 110 }]]),
  },
  {
    // Tabernik et al., Journal of Intelligent Manufacturing 2020: 399 pictures of 50 commutators. It comes undivided.
    name: 'KolektorSDD',
    layout: 'ksdd',
    categories: new Map([['', { good: [347, 0], defects: 52 }]]),
  },
  {
    // Wieler and Hahn, 2007: half of each class to train on; defects of both halves.
    name: 'DAGM 2007',
    layout: 'dagm',
    categories: table(`
      Class1 496/504 + 150
      Class2 509/491 + 150
      Class3 509/491 + 150
      Class4 493/507 + 150
      Class5 505/495 + 150
      Class6 492/508 + 150
      Class7 1000/1000 + 300
      Class8 1000/1000 + 300
      Class9 1000/1000 + 300
      Class10 1000/1000 + 300`),
  },
];

/** The name of a category in MVTec AD, whose folder may say where it is from (`mvtec_bottle`); undefined for others. */
export function mvtecName(category: string): string | undefined {
  const name = category.replace(/^mvtec_/, '');
  return MVTEC_CATEGORIES.has(name) ? name : undefined;
}

/**
 * The set that a category is of, by its layout and the name of its folder. That is the name in the set: a folder that says where it is
 * from, see {@link mvtecName}, may be a smaller copy on purpose, and is not held against the counts.
 */
const setOf = ({ layout, category }: Pick<Dataset, 'layout' | 'category'>): [PublishedSet, Counts] | undefined => {
  for (const set of PUBLISHED_SETS) {
    const counts = set.layout === layout ? (set.categories.get(category) ?? set.categories.get('')) : undefined;
    if (counts) return [set, counts];
  }
  return undefined;
};

/** Names of the sets that have a category of that name. */
export const setsWith = (category: string): string[] =>
  PUBLISHED_SETS.filter(({ categories }) => category !== '' && categories.has(category)).map(({ name }) => name);

/** The set of which these folders are categories, two of them at least. @param folders their layouts by name. */
export const setAmong = (folders: ReadonlyMap<string, DatasetLayout>): PublishedSet | undefined =>
  PUBLISHED_SETS.find(
    (set) => [...folders].filter(([name, layout]) => layout === set.layout && set.categories.has(name)).length > 1,
  );

/** What is missing of a public data set's category, in a sentence; none when it is whole, or of no data set that is known. */
export function missingOf(dataset: Dataset): string | undefined {
  const [set, counts] = setOf(dataset) ?? [];
  if (!set || !counts) return undefined;
  const { normals, testGood, defects, layout } = dataset;
  const [train, test] = layout === 'ksdd' ? [normals.length + testGood.length, 0] : [normals.length, testGood.length];
  const rows: [there: number, of: number | undefined, what: string][] = [
    [train, counts.good[0], layout === 'ksdd' ? 'good pictures' : 'good pictures to train on'],
    [test, counts.good[1], 'good pictures to test on'],
    [defects.length, counts.defects, 'pictures with a defect'],
    [new Set(defects.map(({ type }) => type)).size, counts.types, 'types of defect'],
  ];
  const less = rows.filter(([there, of]) => of !== undefined && there < of);
  if (less.length === 0) return undefined;
  const named = set.categories.has('') ? set.name : `${dataset.category} of ${set.name}`;
  const what = less.map(([there, of, name]) => `${there} of ${of} ${name}`).join(', ');
  return `If this is ${named}, it is not whole: there are ${what}. Unpack it again before its figures are compared with published ones.`;
}
