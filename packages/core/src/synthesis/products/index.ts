/** The table of product kinds and the function that makes one product from a kind and a seed. */
import type { RgbImage } from '../../image/types.ts';
import { Random } from '../../random.ts';
import { drawCamera, takePicture } from './camera.ts';
import { boardArtwork, cableSection, circuitBoard, connector, leadedChip, ribbonCable } from './electronics.ts';
import { carpet, knit, leather, wood, wovenFabric } from './fabrics.ts';
import type { Maker, Scene } from './kit.ts';
import { paintedBracket, screw, spindle, spring, washerTray } from './metalwork.ts';
import { aggregate, expandedMetal, kernel, namePlate, rolledSteel, sealRing, solarCell, strewnParts, tubeBundle } from './further.ts';
import { biscuit, blisterPack, capsule, glassPart, printedLabel, tablet } from './packaging.ts';
import { bearing, bottleMouth, closureCap, gear, hexNut, machinedRing } from './round.ts';
import { bristles, wireMesh, zipper } from './structures.ts';
import { brushedMetal, castMetal, commutator, magneticTile, mouldedSkin, stoneTile, tyreTread } from './surfaces.ts';

const MAKERS = {
  wovenFabric,
  knit,
  carpet,
  leather,
  wood,
  stoneTile,
  brushedMetal,
  castMetal,
  magneticTile,
  commutator,
  tyreTread,
  mouldedSkin,
  machinedRing,
  bottleMouth,
  bearing,
  gear,
  hexNut,
  closureCap,
  wireMesh,
  zipper,
  bristles,
  circuitBoard,
  boardArtwork,
  leadedChip,
  connector,
  cableSection,
  ribbonCable,
  tablet,
  capsule,
  blisterPack,
  printedLabel,
  biscuit,
  glassPart,
  screw,
  spindle,
  paintedBracket,
  spring,
  washerTray,
  expandedMetal,
  kernel,
  strewnParts,
  solarCell,
  tubeBundle,
  rolledSteel,
  aggregate,
  sealRing,
  namePlate,
} as const satisfies Record<string, Maker>;

export type ProductKind = keyof typeof MAKERS;

/** Every kind of product, in a fixed order. */
export const PRODUCT_KINDS = Object.keys(MAKERS) as readonly ProductKind[];

/** One product: a part number of which any number of good pictures can be taken. */
export interface Product {
  /** Kind and seed, such as `bearing-7`. */
  readonly name: string;
  readonly kind: ProductKind;
  /** Objects stand on a background, textures fill the picture. */
  readonly category: 'object' | 'texture';
  readonly width: number;
  readonly height: number;
  /** Takes a picture of a good specimen; pictures differ by specimen, pose, light and noise. */
  good(random: Random): RgbImage;
}

/**
 * Makes a product.
 *
 * @param kind one of {@link PRODUCT_KINDS}
 * @param seed fixes colours, dimensions, lighting and camera; two seeds are two clearly different products
 * @param size in pixels, 512 x 512 unless given; need not be square
 */
export function makeProduct(kind: ProductKind, seed: number, size: { width?: number; height?: number } = {}): Product {
  const width = size.width ?? 512;
  const height = size.height ?? width;
  const unit = Math.min(width, height) / 512;
  const p = new Random(`product/${kind}/${seed}`);
  const maker: Maker = MAKERS[kind];
  const camera = drawCamera(p.fork('camera'), maker.category === 'texture' ? 'texture' : 'fixed', unit);
  const frame = { width, height, unit };
  let scene: Scene | undefined;
  return {
    name: `${kind}-${seed}`,
    kind,
    category: maker.category,
    width,
    height,
    good(random) {
      scene ??= maker.build(p, frame);
      return takePicture(scene(random), camera, random);
    },
  };
}
