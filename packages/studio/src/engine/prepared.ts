/** What was prepared of pictures, on disk: where it lies and when it still holds. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { log } from '../log.ts';
import type { Prepared } from './protocol.ts';

/** Folder of what was prepared. */
export const preparedFolder = (root: string): string => join(root, CACHE_FOLDER, 'prepared');

/** Key of everything prepared in a category. @param base index, weights and settings. @param detector stamp of a trained detector. */
export const categoryKey = (base: string, detector: string | undefined): string =>
  detector === undefined ? base : `${base}-${detector}`;

/** Stamp of the detector that a key was made with, of a category or of a picture in it; undefined for none. */
export const detectorOf = (key: string): string | undefined => key.split('/', 1)[0]?.split('-')[1];

/** What was prepared under a key; undefined when it is not there or cut off. */
export async function readPrepared(root: string, key: string): Promise<Prepared | undefined> {
  try {
    return JSON.parse(await readFile(join(preparedFolder(root), `${key}.json`), 'utf8')) as Prepared;
  } catch (err) {
    log.debug({ err, key }, 'nothing prepared');
    // Made again when it is needed.
    return undefined;
  }
}
