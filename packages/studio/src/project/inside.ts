/** Folders that requests name, which have to lie in the project. */
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isInside } from '@adclick/core/files';
import { fail } from '../errors.ts';

/**
 * The absolute path of a folder that a request names.
 * @param root of the project. @throws ADC_OUTSIDE when it, or what a link in it stands for, is not in the project.
 */
export async function folderInside(root: string, folder: string): Promise<string> {
  const path = resolve(root, folder);
  // What is there of the path already, links followed.
  let there = path;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  const stays = isInside(root, path) && isInside(await realpath(root), await realpath(there));
  if (folder.includes('\0') || !stays) throw fail('ADC_OUTSIDE', { path: folder });
  return path;
}
