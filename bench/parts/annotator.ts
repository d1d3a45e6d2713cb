/** Checks that the yardsticks' annotator clicks where core's does: first clicks on random maps, one process of each language. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextClick } from '../../packages/core/src/clicks/annotator.ts';
import { Random } from '../../packages/core/src/random.ts';
import { answer, runPython } from '../child.ts';
import { findPython } from '../python.ts';

const SIZE = { width: 61, height: 47 };
const COUNT = 200;

/** Smooth random values in [0,1]: a few waves, so that errors of all shapes and depths appear. */
function waves(random: Random): Float32Array {
  const terms = Array.from(
    { length: 4 },
    () => [random.normal() / 6, random.normal() / 6, random.uniform(0, 7)] as const,
  );
  return Float32Array.from({ length: SIZE.width * SIZE.height }, (_, i) => {
    const [x, y] = [i % SIZE.width, Math.floor(i / SIZE.width)];
    const sum = terms.reduce((total, [fx, fy, phase]) => total + Math.sin(fx * x + fy * y + phase), 0);
    return 0.5 + sum / 8;
  });
}

const python = await findPython();
if (python.path === undefined) throw new Error(python.why);
const random = new Random(0);
const maps = Array.from({ length: COUNT }, () => waves(random));
const masks = Array.from({ length: COUNT }, () => Uint8Array.from(waves(random), (value) => (value > 0.6 ? 1 : 0)));
const ours = maps.map((map, n) => nextClick(map, { data: masks[n], ...SIZE, channels: 1 }, []));

const folder = await mkdtemp(join(tmpdir(), 'adclick-annotator-'));
try {
  const file = join(folder, 'maps');
  const head = new Uint8Array(Int32Array.of(SIZE.height, SIZE.width, COUNT).buffer);
  await writeFile(file, Buffer.concat([head, ...maps.map((map) => new Uint8Array(map.buffer)), ...masks]));
  const theirs = await runPython<([number, number, boolean] | null)[]>(python.path, 'yardstick_clicks.py', [
    '--annotate',
    file,
  ]);
  const same = (n: number) => {
    const [a, b] = [ours[n], theirs[n]];
    return a && b ? a.x === b[0] && a.y === b[1] && a.positive === b[2] : !a && !b;
  };
  const different = maps.map((_, n) => n).filter((n) => !same(n));
  answer({ maps: COUNT, clicks: ours.filter(Boolean).length, different });
  if (different.length > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true });
}
