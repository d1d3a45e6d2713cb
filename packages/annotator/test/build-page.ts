/** Builds the page before tests that open it, when the sources are newer than what stands in packages/studio/page. */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';

const annotator = join(import.meta.dirname, '..');
const built = join(annotator, '..', 'studio', 'page', 'index.html');
const sources = [
  join(annotator, 'src'),
  join(annotator, '..', 'studio', 'src', 'api.ts'),
  join(annotator, '..', 'core', 'src', 'image'),
  join(annotator, 'index.html'),
  join(annotator, 'vite.config.ts'),
];

async function newest(path: string): Promise<number> {
  const info = await stat(path);
  if (!info.isDirectory()) return info.mtimeMs;
  const files = await readdir(path, { recursive: true });
  const times = await Promise.all(files.map(async (file) => (await stat(join(path, file))).mtimeMs));
  return Math.max(0, ...times);
}

/** Builds when needed; about a second. */
export async function buildPage(): Promise<void> {
  const age = existsSync(built) ? (await stat(built)).mtimeMs : 0;
  const times = await Promise.all(sources.map(newest));
  if (age > Math.max(...times)) return;
  await build({ configFile: join(annotator, 'vite.config.ts'), logLevel: 'warn' });
}
