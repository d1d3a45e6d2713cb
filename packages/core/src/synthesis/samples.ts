/** Sample products for the demo and for trying things out: folders in the MVTec layout with named defects and exact masks. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeMask, writePng } from '../image/codec.ts';
import type { Mask, RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import { type AnomalyKind, simulateAnomaly } from './anomalies/index.ts';
import { makeProduct, type ProductKind } from './products/index.ts';

/** A sample product: which part, and which defects it is shown with under which names. */
export interface SampleProduct {
  /** Folder name and the name on the command line, such as `machined-ring`. */
  readonly name: string;
  readonly title: string;
  readonly kind: ProductKind;
  /** Seed of the product unless another one is given: a part that looks good. */
  readonly seed: number;
  /** Defect type (folder name) to the kinds of simulated anomaly that it may be. */
  readonly defects: Readonly<Record<string, readonly AnomalyKind[]>>;
}

/** The sample products; the first is the demo's. */
export const SAMPLE_PRODUCTS: readonly SampleProduct[] = [
  {
    name: 'bottle-mouth',
    title: 'Bottle mouth',
    kind: 'bottleMouth',
    seed: 6,
    defects: { broken: ['chippedEdge'], contamination: ['film', 'contamination'], drop: ['drop'] },
  },
  {
    name: 'machined-ring',
    title: 'Machined ring',
    kind: 'machinedRing',
    seed: 22,
    defects: {
      scratch: ['scratch', 'scrape'],
      chip: ['chippedEdge'],
      contamination: ['contamination', 'particle'],
      rust: ['rust'],
      dent: ['dent'],
    },
  },
  {
    name: 'ball-bearing',
    title: 'Ball bearing',
    kind: 'bearing',
    seed: 2,
    defects: { scratch: ['scratch'], rust: ['rust'], particle: ['particle'], missing: ['missingPart'] },
  },
  {
    name: 'gear',
    title: 'Gear',
    kind: 'gear',
    seed: 3,
    defects: { 'broken-tooth': ['chippedEdge'], crack: ['hairlineCrack'], burn: ['burn'] },
  },
  {
    name: 'tablet',
    title: 'Tablet',
    kind: 'tablet',
    seed: 4,
    defects: {
      chip: ['chippedEdge'],
      crack: ['hairlineCrack'],
      'wrong-colour': ['wrongColour', 'stain'],
      'faulty-imprint': ['fadedPrint', 'doubled'],
    },
  },
  {
    name: 'blister-pack',
    title: 'Blister pack',
    kind: 'blisterPack',
    seed: 3,
    defects: {
      missing: ['missingPart'],
      contamination: ['contamination', 'fibre'],
      'wrong-colour': ['wrongColour'],
      scratch: ['scratch'],
    },
  },
  {
    name: 'circuit-board',
    title: 'Circuit board',
    kind: 'circuitBoard',
    seed: 2,
    defects: {
      missing: ['missingPart'],
      misplaced: ['movedPart', 'turnedPart'],
      solder: ['drop', 'particle'],
      'broken-trace': ['brokenStructure'],
    },
  },
  {
    name: 'cable',
    title: 'Cable cross-section',
    kind: 'cableSection',
    seed: 1,
    defects: {
      'bent-wire': ['bend'],
      'missing-wire': ['missingPart'],
      'swapped-colour': ['wrongColour'],
      cut: ['cut', 'chippedEdge'],
    },
  },
  {
    name: 'wire-mesh',
    title: 'Wire mesh',
    kind: 'wireMesh',
    seed: 1,
    defects: { bent: ['bend'], broken: ['brokenStructure', 'cut'], glue: ['drop'], thread: ['fibre'] },
  },
  {
    name: 'woven-fabric',
    title: 'Woven fabric',
    kind: 'wovenFabric',
    seed: 3,
    defects: { hole: ['hole'], stain: ['stain', 'driedStain'], thread: ['fibre'], cut: ['cut'] },
  },
  {
    name: 'leather',
    title: 'Leather',
    kind: 'leather',
    seed: 2,
    defects: { cut: ['cut'], fold: ['hairlineCrack', 'bump'], glue: ['drop'], colour: ['stain'], poke: ['pits'] },
  },
  {
    name: 'wood',
    title: 'Sawn wood',
    kind: 'wood',
    seed: 1,
    defects: { scratch: ['scratch', 'scrape'], hole: ['pits', 'hole'], stain: ['stain'], burn: ['burn'] },
  },
  {
    name: 'stone-tile',
    title: 'Stone tile',
    kind: 'stoneTile',
    seed: 2,
    defects: { crack: ['hairlineCrack'], 'oil-stain': ['stain'], chip: ['chippedEdge', 'pits'], glue: ['film'] },
  },
  {
    name: 'painted-bracket',
    title: 'Painted bracket',
    kind: 'paintedBracket',
    seed: 3,
    defects: { rust: ['rust'], scratch: ['scratch', 'scrape'], 'missing-paint': ['film', 'wrongColour'] },
  },
  {
    name: 'screw',
    title: 'Screw',
    kind: 'screw',
    seed: 2,
    defects: { thread: ['chippedEdge', 'bend'], scratch: ['scratch'], particle: ['particle'] },
  },
];

/** How many pictures a sample product gets. */
export interface SampleOptions {
  /** Good pictures for training, 30 by default. */
  normals?: number;
  /** Good pictures for testing, 8 by default. */
  testGoods?: number;
  /** Defective pictures of each type, 4 by default. */
  defectsPerType?: number;
  /** Seed of the pictures; the product itself keeps the sample's own seed. */
  seed?: number;
  width?: number;
  height?: number;
}

/** One defective sample: its type and the picture with its mask. */
export interface DefectSample {
  readonly type: string;
  readonly image: RgbImage;
  readonly mask: Mask;
}

/** Defects on samples are clear ones: at least this share of the picture, at most that. */
const CLEAR_SHARE = { least: 0.0012, most: 0.06 };

/** Looks a sample product up by its name or kind. */
export function findSampleProduct(name: string): SampleProduct | undefined {
  return SAMPLE_PRODUCTS.find((sample) => sample.name === name || sample.kind === name);
}

/** The good pictures of a sample product, one at a time. */
export function* sampleGoods(
  sample: SampleProduct,
  count: number,
  label: string,
  options: SampleOptions = {},
): Generator<RgbImage> {
  const product = makeProduct(sample.kind, sample.seed, options);
  for (let n = 0; n < count; n++)
    yield product.good(new Random(`sample/${sample.name}/${options.seed ?? 0}/${label}/${n}`));
}

/** The defective pictures of a sample product, type by type. */
export function* sampleDefects(sample: SampleProduct, options: SampleOptions = {}): Generator<DefectSample> {
  const product = makeProduct(sample.kind, sample.seed, options);
  const area = product.width * product.height;
  for (const [type, kinds] of Object.entries(sample.defects)) {
    for (let n = 0; n < (options.defectsPerType ?? 4); n++) {
      const random = new Random(`sample/${sample.name}/${options.seed ?? 0}/${type}/${n}`);
      const good = product.good(random);
      const donor = product.good(random);
      const { image, mask } = simulateAnomaly(good, random, {
        kinds,
        donor,
        single: true,
        minArea: Math.round(CLEAR_SHARE.least * area),
        maxAreaFraction: CLEAR_SHARE.most,
      });
      yield { type, image, mask };
    }
  }
}

/**
 * Writes a sample product as a folder: `train/good`, `test/good`, `test/<type>` and `ground_truth/<type>/<name>_mask.png`
 * (0 and 255), numbered from 000.
 *
 * @param name a name or kind of {@link SAMPLE_PRODUCTS}
 * @param signal ends it between two pictures
 * @returns the number of pictures written
 * @throws RangeError when there is no such sample product; the signal's reason
 */
export async function writeSampleProduct(
  directory: string,
  name: string,
  { signal, ...options }: SampleOptions & { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const sample = findSampleProduct(name);
  if (!sample)
    throw new RangeError(`no sample product ${name}; there are ${SAMPLE_PRODUCTS.map((s) => s.name).join(', ')}`);
  const place = async (folder: string, index: number, ending = ''): Promise<string> => {
    await mkdir(join(directory, folder), { recursive: true });
    return join(directory, folder, `${String(index).padStart(3, '0')}${ending}.png`);
  };
  let written = 0;
  for (const [folder, count] of [
    ['train', options.normals ?? 30],
    ['test', options.testGoods ?? 8],
  ] as const) {
    let index = 0;
    for (const image of sampleGoods(sample, count, folder, options)) {
      await writePng(await place(join(folder, 'good'), index++), image);
      written++;
      signal?.throwIfAborted();
    }
  }
  const next = new Map<string, number>();
  for (const { type, image, mask } of sampleDefects(sample, options)) {
    const index = next.get(type) ?? 0;
    next.set(type, index + 1);
    await writePng(await place(join('test', type), index), image);
    await writeMask(await place(join('ground_truth', type), index, '_mask'), mask);
    written++;
    signal?.throwIfAborted();
  }
  return written;
}
