/** Where weights lie: a folder named by the environment, the repository's `models/`, or the package's own copy of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from './errors.ts';

/** Folders that are searched for weights, in order; `ADCLICK_MODELS` first when it is set. */
export function modelFolders(): string[] {
  const own = process.env.ADCLICK_MODELS;
  // Both src/ and dist/ lie directly in the package's root. The repository's first: its copy in the package is as old as the last build.
  const near = ['../../../models', '../models'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return own ? [own, ...near] : near;
}

const foundIn = (folders: readonly string[], name: string) =>
  folders.map((folder) => join(folder, name)).find((path) => existsSync(path));

/**
 * Path of a file that ships with the project, such as `efficientnet-lite0/model.safetensors`.
 * @throws ADC_WEIGHTS_DAMAGED when no models folder holds it.
 */
export function modelPath(name: string): string {
  const folders = modelFolders();
  const found = foundIn(folders, name);
  if (found) return found;
  throw fail('ADC_WEIGHTS_DAMAGED', { path: name, what: `there is no such file in ${folders.join(' or ')}` });
}

/**
 * Path of a frozen network's weights.
 * @param network its `file` as in {@link modelPath}, and whether that ships.
 * @throws ADC_NETWORK_MISSING when it does not ship and has not been imported, ADC_WEIGHTS_DAMAGED when it should be there.
 */
export function networkPath({
  name,
  file,
  ships,
}: {
  readonly name: string;
  readonly file: string;
  readonly ships: boolean;
}): string {
  const folders = modelFolders();
  if (!ships && !foundIn(folders, file)) throw fail('ADC_NETWORK_MISSING', { name, folders: folders.join(' or ') });
  return modelPath(file);
}
