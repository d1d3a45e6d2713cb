/** Where a category's detectors lie, trained ones and those of good pictures alone, and what is known of each without opening them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Detector } from '@adclick/core';
import { fail as failCore } from '@adclick/core/errors';
import { describeIoError, writeFileAtomic } from '@adclick/core/files';
import { moveTo, removeIfPossible, temporaryFor } from '@adclick/ortgrad';
import { z } from 'zod';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { distinctFileName } from '../file-name.ts';
import { log, passOverIfThere } from '../log.ts';
import { whileChangingDetectors } from './leases.ts';
import { DETECTOR_FILE, DETECTOR_PREFIX, projectModels } from './model-files.ts';

/** Beside a detector's file: the one that it replaced. */
export const PREVIOUS_FILE = 'previous.onnx';
/** Records of both, so that nobody has to read a hundred megabytes to say what they are. */
export const RECORDS_FILE = 'records.json';
/** Records of detectors that are kept beside the newest one's. */
const KEPT_RECORDS = 2;
/** A detector file ends with the checksum of everything before it, in hexadecimal. */
const SEAL_BYTES = 64;

/** How a detector came to be; lies beside its file. */
const recordSchema = z.object({
  /** Which file this is of. */
  stamp: z.string(),
  /** When it was trained, ISO 8601. */
  time: z.string(),
  from: z.enum(['network', 'residual']),
  labels: z.number().int().min(0),
  notes: z.array(z.string()),
  seconds: z.number(),
});
export type TrainingRecord = z.infer<typeof recordSchema>;

/** Folder of a category's detectors. No two categories share one, whatever they are called and whatever a disk takes for the same. */
export const detectorFolder = (root: string, category: string): string =>
  join(projectModels(root), `${DETECTOR_PREFIX}${distinctFileName(category)}`);

/** Where training puts the detector of a category. */
export const trainedDetector = (root: string, category: string): string =>
  join(detectorFolder(root, category), DETECTOR_FILE);

/** Where the detector lies that the newest one replaced. */
export const previousDetector = (root: string, category: string): string =>
  join(detectorFolder(root, category), PREVIOUS_FILE);

/** Folder of detectors that are made of good pictures alone. */
export const madeFolder = (root: string) => join(root, CACHE_FOLDER, 'detectors');

/** Where the detector lies that is made of a category's good pictures. @param key 16 hexadecimal digits that stand for these. */
export const madeDetector = (root: string, category: string, key: string): string =>
  join(madeFolder(root), `${distinctFileName(category)}-${key}.onnx`);

/** Detectors that were made of a category's good pictures: one, and any that could not be removed when it was made, the last one first. */
export async function madeDetectors(root: string, category: string): Promise<string[]> {
  const folder = madeFolder(root);
  const prefix = `${distinctFileName(category)}-`;
  const names = (await readdir(folder).catch(passOverIfThere('detectors not read', { folder }))) ?? [];
  const mine = names.filter(
    (name) => name.startsWith(prefix) && /^[0-9a-f]{16}\.onnx$/.test(name.slice(prefix.length)),
  );
  const times = await Promise.all(
    mine.map(async (name) => {
      const path = join(folder, name);
      // Another process may remove it at this moment.
      const seen = await stat(path).catch(passOverIfThere('detector not read', { path }));
      return { path, time: seen?.mtimeMs ?? 0 };
    }),
  );
  return times.sort((a, b) => b.time - a.time).map(({ path }) => path);
}

const shortened = (bytes: number, tail: Uint8Array) =>
  createHash('sha256').update(`${bytes}\n`).update(tail).digest('hex').slice(0, 16);

/** Stands for a detector file's content: 16 hexadecimal digits of its size and of the checksum at its end. */
export const stampOf = (model: Uint8Array): string => shortened(model.length, model.subarray(-SEAL_BYTES));

/** {@link stampOf} of a file, of which only the end is read; undefined where there is none. */
export async function fileStamp(path: string): Promise<string | undefined> {
  const handle = await open(path, 'r').catch(passOverIfThere('detector not read', { path }));
  if (!handle) return undefined;
  try {
    const { size } = await handle.stat();
    const tail = new Uint8Array(Math.min(SEAL_BYTES, size));
    await handle.read(tail, 0, tail.length, size - tail.length);
    return shortened(size, tail);
  } finally {
    await handle.close();
  }
}

async function readRecords(root: string, category: string): Promise<TrainingRecord[]> {
  try {
    const text = await readFile(join(detectorFolder(root, category), RECORDS_FILE), 'utf8');
    return z.array(recordSchema).parse(JSON.parse(text));
  } catch (err) {
    log.debug({ err, category }, 'no record of training');
    // A detector without a record is as good as one with it.
    return [];
  }
}

/** What is known of a detector file: its stamp, and its record where there is one. Undefined without the file. */
export async function recordOf(
  root: string,
  category: string,
  path: string,
): Promise<{ stamp: string; record?: TrainingRecord } | undefined> {
  const stamp = await fileStamp(path);
  if (stamp === undefined) return undefined;
  const record = (await readRecords(root, category)).find((one) => one.stamp === stamp);
  return record ? { stamp, record } : { stamp };
}

/** Makes one file another name's content without a moment in which that name is missing or half written. */
async function copyWhole(from: string, to: string): Promise<void> {
  const temporary = temporaryFor(to);
  try {
    await copyFile(from, temporary);
    await moveTo(temporary, to);
  } catch (error) {
    await removeIfPossible(temporary);
    throw failCore('ADC_DISK', { path: to, what: describeIoError(error) }, error);
  }
}

/**
 * Puts a newly trained detector in place; the one before stays beside it. Whatever happens on the way, the category has a whole
 * detector: the new one or the one before.
 * @param owned see OwnedOptions, of whoever trained it.
 * @throws ADC_DISK, ADC_IN_USE, ADC_LEASE_LOST.
 */
export async function keepTrained(
  root: string,
  category: string,
  detector: Pick<Detector, 'card' | 'model' | 'save'>,
  record: Omit<TrainingRecord, 'stamp' | 'time' | 'from'>,
  owned?: () => Promise<void>,
): Promise<string> {
  return whileChangingDetectors(root, category, (hold) =>
    keep(root, category, detector, record, async () => {
      await owned?.();
      await hold.owned();
    }),
  );
}

async function keep(
  root: string,
  category: string,
  detector: Pick<Detector, 'card' | 'model' | 'save'>,
  record: Omit<TrainingRecord, 'stamp' | 'time' | 'from'>,
  owned: () => Promise<void>,
): Promise<string> {
  await owned();
  await mendSwap(root, category);
  const path = trainedDetector(root, category);
  const stamp = stampOf(detector.model);
  const before = await fileStamp(path);
  // Training again on the same labels gives the same file, which says nothing about the one before.
  if (before !== undefined && before !== stamp) await copyWhole(path, previousDetector(root, category));
  const { from } = detector.card.map;
  const known = (await readRecords(root, category)).filter((one) => one.stamp !== stamp).slice(0, KEPT_RECORDS);
  const records: TrainingRecord[] = [{ stamp, time: new Date().toISOString(), from, ...record }, ...known];
  await mkdir(dirname(path), { recursive: true }).catch((error) => {
    throw failCore('ADC_DISK', { path, what: describeIoError(error) }, error);
  });
  await owned();
  await writeFileAtomic(
    join(dirname(path), RECORDS_FILE),
    new TextEncoder().encode(`${JSON.stringify(records, null, 2)}\n`),
  );
  await owned();
  await detector.save(path);
  return path;
}

/**
 * Brings the detector before back; the newest takes its place, so that this can be taken back.
 * @returns whether there was one. @throws ADC_DISK, ADC_IN_USE, ADC_LEASE_LOST.
 */
export async function swapTrained(root: string, category: string): Promise<boolean> {
  return whileChangingDetectors(root, category, ({ owned }) => swap(root, category, owned));
}

/** Where the newest detector lies while it and the one before change places. */
const asideOf = (root: string, category: string) => join(detectorFolder(root, category), '.newest.tmp');

/** Finishes an exchange of both that was cut off: what is aside is the one before as soon as the other has gone from there. */
async function mendSwap(root: string, category: string): Promise<void> {
  const [aside, previous] = [asideOf(root, category), previousDetector(root, category)];
  if (!existsSync(aside)) return;
  if (existsSync(previous)) await removeIfPossible(aside);
  else await moveTo(aside, previous);
}

async function swap(root: string, category: string, owned: () => Promise<void>): Promise<boolean> {
  await mendSwap(root, category);
  const [newest, previous] = [trainedDetector(root, category), previousDetector(root, category)];
  if (!existsSync(previous)) return false;
  const aside = asideOf(root, category);
  const both = existsSync(newest);
  if (both) await copyWhole(newest, aside);
  // What is aside is removed by whoever changes detectors next.
  await owned();
  try {
    await moveTo(previous, newest);
    if (both) await moveTo(aside, previous);
  } catch (error) {
    // Once the one before has taken the place of the newest, that lies aside and nowhere else.
    if (existsSync(previous)) await removeIfPossible(aside);
    throw failCore('ADC_DISK', { path: newest, what: describeIoError(error) }, error);
  }
  return true;
}
