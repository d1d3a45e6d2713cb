/** Run by `npm pack` in a package's folder: `add` copies licence, notice and (for core) the weights in, `remove` takes them out again. */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const target = process.cwd();
const wanted = ['LICENSE', 'NOTICE', ...(basename(target) === 'core' ? ['models'] : [])];

for (const name of wanted) {
  const copy = join(target, name);
  if (existsSync(copy)) rmSync(copy, { recursive: true });
  if (process.argv[2] === 'add') cpSync(join(root, name), copy, { recursive: true });
}
