/** Which pictures a category's detectors have taken as good, so that none of them counts twice. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@adclick/core/files';
import { z } from 'zod';
import { distinctFileName } from '../file-name.ts';
import { log } from '../log.ts';
import { madeFolder } from './detector-files.ts';

/** Detectors of a category of which it is kept: the newest, the one before, the one of good pictures alone, and some that were replaced. */
const KEPT = 8;

const takenSchema = z.array(
  z.object({
    /** Which detector file this is of, see stampOf. */
    stamp: z.string(),
    /** SHA-256 of picture files. */
    pictures: z.array(z.string()),
  }),
);

const takenFile = (root: string, category: string) =>
  join(madeFolder(root), `${distinctFileName(category)}-taken.json`);

async function readTaken(root: string, category: string): Promise<z.infer<typeof takenSchema>> {
  try {
    return takenSchema.parse(JSON.parse(await readFile(takenFile(root, category), 'utf8')));
  } catch (err) {
    log.debug({ err, category }, 'no pictures taken as good');
    // Without it pictures count twice, which is no reason to stop.
    return [];
  }
}

/** SHA-256 of the picture files that a detector has taken as good. @param stamp of its file, undefined where there is none. */
export async function takenBy(root: string, category: string, stamp: string | undefined): Promise<ReadonlySet<string>> {
  const known = await readTaken(root, category);
  return new Set(known.find((one) => one.stamp === stamp)?.pictures);
}

/**
 * Notes what the detector of a stamp has taken, before its file takes its place: a stamp without a file says nothing.
 * The caller has the lease of training that category. @throws ADC_DISK.
 */
export async function keepTaken(
  root: string,
  category: string,
  stamp: string,
  pictures: Iterable<string>,
): Promise<void> {
  const others = (await readTaken(root, category)).filter((one) => one.stamp !== stamp).slice(0, KEPT - 1);
  const text = JSON.stringify([{ stamp, pictures: [...pictures] }, ...others]);
  await writeFileAtomic(takenFile(root, category), new TextEncoder().encode(`${text}\n`));
}
