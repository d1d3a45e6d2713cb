/** The data that figures are made on: where it is, and which categories the project is judged by. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ROOT } from './child.ts';

/** The folder of categories in the MVTec layout. */
export const DATA = resolve(process.env.ADCLICK_DATA ?? join(ROOT, '..', 'shared', 'data'));

/** The categories whose mean is the project's measure of quality. */
export const MEASURED = [
  'mvtec_bottle',
  'mvtec_grid',
  'mvtec3d_tire',
  'mpdd_metal_plate',
  'ksdd_commutator',
  'magnetic_tile',
] as const;

/** Folders of the data in the MVTec layout that have defects. */
export async function allCategories(): Promise<string[]> {
  if (!existsSync(DATA)) return [];
  const entries = await readdir(DATA, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const whole = (name: string) =>
    ['train/good', 'test', 'ground_truth'].every((part) => existsSync(join(DATA, name, part)));
  return names.filter(whole).sort();
}

/** The categories that detectors are judged by. */
export const DETECTED = ['mvtec_bottle', 'mvtec_grid', 'mpdd_metal_plate', 'ksdd_commutator', 'magnetic_tile'] as const;

/** Ways of making them: the residual alone, what ten labels give, that with a part left out, and true masks instead of clicks. */
export const SETTINGS = ['unsupervised', 'weak', 'language', 'abandon', 'pretraining', 'full masks'] as const;
export type Setting = (typeof SETTINGS)[number];
