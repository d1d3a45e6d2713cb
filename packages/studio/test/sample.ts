/** Small projects on disk for tests of store, services and server. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePng } from '@adclick/core';
import { encodeRle, type Rle } from '@adclick/core/geometry';
import { onTestFinished } from 'vitest';
import { NO_CANDIDATES } from '../src/engine/candidates.ts';
import type { Predictor } from '../src/labels/masks.ts';
import { PROJECT_FILE, type Project, writeProject } from '../src/project/project.ts';
import { Studio, type StudioOptions } from '../src/studio.ts';

export const SIDE = { width: 24, height: 16 };

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'adclick-studio-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A picture of one colour a pixel. */
export async function writeFlat(path: string, grey: number, { width, height } = SIDE): Promise<void> {
  const data = new Uint8Array(width * height * 3).fill(grey);
  await writePng(path, { data, width, height, channels: 3 });
}

/** A project with a few flat pictures: two good ones and some to label. */
export const makeProject = async (pictures = 3): Promise<Project> => makeProjectIn(await temporaryFolder(), pictures);

/** {@link makeProject} in a folder that whoever calls it removes. */
export async function makeProjectIn(root: string, pictures = 3): Promise<Project> {
  for (const folder of ['train/good', 'test/dent']) await mkdir(join(root, folder), { recursive: true });
  for (const n of [0, 1]) await writeFlat(join(root, 'train/good', `${n}.png`), 100 + n);
  for (let n = 0; n < pictures; n++) await writeFlat(join(root, 'test/dent', `${n}.png`), 120 + n);
  return writeProject(join(root, PROJECT_FILE), {
    categories: { part: { good: ['train/good'], test: ['test'], defects: ['dent', 'scratch'] } },
  });
}

/** The square around the positive clicks, without those around negative ones: a mask that says which clicks it came from. */
export function squares(
  clicks: readonly { x: number; y: number; positive: boolean }[],
  threshold: number,
  { width, height } = SIDE,
): Rle {
  const data = new Uint8Array(width * height);
  const radius = threshold > 0.5 ? 1 : 2;
  for (const click of clicks)
    for (let y = Math.max(0, click.y - radius); y <= Math.min(height - 1, click.y + radius); y++)
      for (let x = Math.max(0, click.x - radius); x <= Math.min(width - 1, click.x + radius); x++)
        data[y * width + x] = click.positive ? 1 : 0;
  return encodeRle(data, width, height);
}

/** Stands for the models: answers at once. */
export const instantPredictor: Predictor = {
  predict: async (image, { clicks, threshold }) => squares(clicks, threshold, image),
  candidates: async () => NO_CANDIDATES,
  proposal: async (image) => squares([{ x: 4, y: 4, positive: true }], 0, image),
};

/** A studio without models and background work, closed after the test. */
export async function openStudio(project: Project, options: StudioOptions = {}): Promise<Studio> {
  const studio = await Studio.open(project, { background: false, predictor: instantPredictor, ...options });
  onTestFinished(() => studio.close());
  return studio;
}
