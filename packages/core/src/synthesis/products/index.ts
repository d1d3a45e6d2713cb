/** The table of product kinds and the function that makes one product from a kind and a seed. */
import type { RgbImage } from '../../image/types.ts';
import { Random } from '../../random.ts';
import { cableSection, ribbonCable } from './cables.ts';
import { type Camera, drawCamera, takePicture } from './camera.ts';
import { boardArtwork, circuitBoard, connector, leadedChip, solarCell } from './electronics.ts';
import { carpet, knit, leather, wood, wovenFabric } from './fabrics.ts';
import { biscuit, kernel, strewnParts } from './food.ts';
import { hungPart } from './hung.ts';
import type { Frame, Maker, Scene } from './kit.ts';
import { hexNut, paintedBracket, screw, spindle, spring, washerTray } from './metalwork.ts';
import { blisterPack, capsule, glassPart, tablet } from './packaging.ts';
import { namePlate, printedLabel } from './print.ts';
import { bearing, bottleMouth, closureCap, gear, machinedRing, sealRing } from './round.ts';
import { bristles, expandedMetal, tubeBundle, wireMesh, zipper } from './structures.ts';
import {
  aggregate,
  brushedMetal,
  castMetal,
  commutator,
  magneticTile,
  mouldedSkin,
  rolledSteel,
  stoneTile,
  tyreTread,
} from './surfaces.ts';

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
  hungPart,
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
  const maker: Maker = MAKERS[kind];
  const frame = { width, height, unit };
  let set: { scene: Scene; camera: Camera } | undefined;
  return {
    name: `${kind}-${seed}`,
    kind,
    category: maker.category,
    width,
    height,
    good(random) {
      set ??= setUp(maker, `product/${kind}/${seed}`, frame);
      return takePicture(set.scene(random), set.camera, random);
    },
  };
}

/** Draws products until a trial picture shows its subject: not black, not white, the object apart from its ground. */
function setUp(maker: Maker, label: string, frame: Frame): { scene: Scene; camera: Camera } {
  const least = maker.category === 'object' ? 30 : 9;
  for (let attempt = 0; ; attempt++) {
    const p = new Random(`${label}/${attempt}`);
    const camera = drawCamera(p.fork('camera'), maker.category === 'texture' ? 'texture' : 'fixed', frame.unit);
    const scene = maker.build(p, frame);
    const trial = takePicture(scene(new Random(0)), camera, new Random(0));
    const { dark, bright } = tonalRange(trial);
    if (attempt === 8 || (bright - dark >= least + 2 * camera.noise && bright > 45 && dark < 225))
      return { scene, camera };
  }
}

/** The 5 % and 95 % levels of the green channel. */
function tonalRange(image: RgbImage): { dark: number; bright: number } {
  const histogram = new Int32Array(256);
  let count = 0;
  for (let i = 1; i < image.data.length; i += 12, count++) histogram[image.data[i]]++;
  const level = (share: number): number => {
    let [at, seen] = [0, histogram[0]];
    while (seen < share * count && at < 255) seen += histogram[++at];
    return at;
  };
  return { dark: level(0.05), bright: level(0.95) };
}
