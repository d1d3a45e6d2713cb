/** Detectors of projects from before version 0.2, whose file names could be those of several categories: each goes to the one its card names. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail as failCore } from '@adclick/core/errors';
import { describeIoError } from '@adclick/core/files';
import { readCard } from '@adclick/core/models';
import { CodedError } from '@adclick/ortgrad';
import { log, passOver } from '../log.ts';
import { detectorFolder, PREVIOUS_FILE, RECORDS_FILE } from '../project/detector-files.ts';
import { whileChangingDetectors } from '../project/leases.ts';
import { DETECTOR_FILE, DETECTOR_PREFIX, projectModels } from '../project/model-files.ts';
import type { Project } from '../project/project.ts';

/** How names of files were made of names of categories; 螺丝 and 齿轮 were the same. */
const oldName = (category: string) => category.replace(/[^\w.-]/g, '_');

/** The category that a detector file says it is for; undefined where there is none that can be read. */
async function categoryIn(path: string): Promise<string | undefined> {
  try {
    return readCard(await readFile(path), path).name;
  } catch (err) {
    log.debug({ err, path }, 'detector not read');
    return undefined;
  }
}

/** Moves what one category has in the folder of its old name. */
async function adopt(category: string, old: string, now: string, owned: () => Promise<void>): Promise<void> {
  const mine: string[] = [];
  for (const file of [DETECTOR_FILE, PREVIOUS_FILE])
    if ((await categoryIn(join(old, file))) === category) mine.push(file);
  if (mine.length === 0) return;
  await owned();
  await mkdir(now, { recursive: true });
  if (existsSync(join(old, RECORDS_FILE))) await copyFile(join(old, RECORDS_FILE), join(now, RECORDS_FILE));
  const places = [DETECTOR_FILE, PREVIOUS_FILE];
  for (const [i, file] of mine.entries()) await rename(join(old, file), join(now, places[i]));
  const left = (await readdir(old)).filter((name) => name.endsWith('.onnx'));
  if (left.length === 0) await rm(old, { recursive: true });
  // What another category had there before is its newest one.
  else if (!left.includes(DETECTOR_FILE)) await rename(join(old, left[0]), join(old, DETECTOR_FILE));
}

/**
 * Puts the trained detectors that lie under old names where their categories look for them. A file whose card names no category of the
 * project stays where it is. @throws ADC_DISK.
 */
export async function adoptDetectors({ root, settings }: Project): Promise<void> {
  for (const category of Object.keys(settings.categories)) {
    const old = join(projectModels(root), `${DETECTOR_PREFIX}${oldName(category)}`);
    const now = detectorFolder(root, category);
    if (old === now || !existsSync(old) || existsSync(join(now, DETECTOR_FILE))) continue;
    await whileChangingDetectors(root, category, async ({ owned }) => {
      // Another process may have found them first.
      if (existsSync(old) && !existsSync(join(now, DETECTOR_FILE))) await adopt(category, old, now, owned);
    }).catch((error) => {
      if (error instanceof CodedError) throw error;
      throw failCore('ADC_DISK', { path: now, what: describeIoError(error) }, error);
    });
  }
}

/** The same for a detector that was made of good pictures: its key stands for the category already. */
export async function adoptMade(folder: string, category: string, key: string, now: string): Promise<void> {
  const old = join(folder, `${oldName(category)}-${key}.onnx`);
  // Where this fails it is made again.
  if (old !== now && existsSync(old) && !existsSync(now))
    await rename(old, now).catch(passOver('not renamed', { path: old }));
}
