/** Run by `npm run build` in a package's folder: copies in what its tarball holds besides: licence, notice and, for core, the weights. */
import { cpSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const target = process.cwd();
const wanted = ['LICENSE', 'NOTICE', ...(basename(target) === 'core' ? ['models'] : [])];
/** Only tests read golden numbers. */
const ships = (path: string) => basename(path) !== 'golden.safetensors';

for (const name of wanted) {
  rmSync(join(target, name), { recursive: true, force: true });
  cpSync(join(root, name), join(target, name), { recursive: true, filter: ships });
}
