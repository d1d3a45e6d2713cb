/** A project with a sample product, for measurements of the labelling server. */
import { join } from 'node:path';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { detectLayout } from '../../packages/studio/src/project/layout.ts';
import { PROJECT_FILE, writeProject } from '../../packages/studio/src/project/project.ts';
import { benchWeights } from './weights.ts';

export interface LabellingProject {
  readonly width: number;
  readonly height: number;
  /** Side of the square that has as many pixels as the models see. */
  readonly pixels: number;
  readonly normals: number;
  /** Defective pictures of each of the product's three types. */
  readonly perType: number;
}

/** Writes the pictures and the project file. @returns whether the weights are the shipped ones. */
export async function labellingProject(root: string, options: LabellingProject): Promise<boolean> {
  const { width, height, pixels, normals, perType } = options;
  await writeSampleProduct(root, 'screw', { normals, testGoods: 1, defectsPerType: perType, width, height });
  const { categories } = await detectLayout(root);
  const { weights, shipped } = await benchWeights(root);
  await writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels, weights });
  return shipped;
}
