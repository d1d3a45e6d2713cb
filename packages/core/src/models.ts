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

/**
 * Path of a file that ships with the project, such as `efficientnet-lite0/model.safetensors`.
 * @throws ADC_WEIGHTS_DAMAGED when no models folder holds it.
 */
export function modelPath(name: string): string {
  const folders = modelFolders();
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found) return found;
  throw fail('ADC_WEIGHTS_DAMAGED', { path: name, what: `there is no such file in ${folders.join(' or ')}` });
}
