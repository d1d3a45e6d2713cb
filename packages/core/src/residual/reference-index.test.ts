import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writePng } from '../image/codec.ts';
import { boxOf } from '../image/crop.ts';
import type { RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import { residualNorm } from './norm.ts';
import { ReferenceIndex } from './reference-index.ts';

let runtime: Runtime;
let root: string;
beforeAll(async () => {
  runtime = await Runtime.start();
  root = await mkdtemp(join(tmpdir(), 'adclick-index-'));
});
afterAll(async () => {
  await runtime.close();
  await rm(root, { recursive: true, force: true });
});

/** A striped plate with a little noise; `defect` paints a dark square of that size in the middle. */
function plate(seed: number, { width = 160, height = 160, defect = 0 } = {}): RgbImage {
  const random = new Random(seed);
  const data = new Uint8Array(width * height * 3);
  const inside = (at: number, side: number) => Math.abs(at - side / 2) < defect / 2;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value =
        120 + 60 * Math.sin(x / 6) + 12 * random.normal() - (inside(x, width) && inside(y, height) ? 110 : 0);
      data.fill(Math.min(255, Math.max(0, value)), (y * width + x) * 3, (y * width + x) * 3 + 3);
    }
  return { data, width, height, channels: 3 };
}

const normals = (count: number, size = {}) =>
  Array.from({ length: count }, (_, i) => ({ name: `n${i}`, image: plate(i, size) }));

/** Small grids keep the tests quick. */
const small = { pixels: 128 * 128, neighbours: 3, calibrationImages: 4 };

describe('in memory', () => {
  test('a defect stands out where it is, and nowhere on a good picture', async () => {
    const index = await ReferenceIndex.build(normals(6), { runtime, ...small });
    expect(index.grid).toEqual({ width: 128, height: 128 });
    const residual = await index.residual(await index.describe(plate(50, { defect: 24 })));
    expect([residual.height, residual.width, residual.dims]).toEqual([16, 16, 272]);
    expect(residual.neighbours).toHaveLength(3);
    const norm = residualNorm(residual, residual.calibration).data;
    expect(norm[8 * 16 + 8]).toBeGreaterThan(1.1);
    expect(norm[2 * 16 + 2]).toBeLessThan(0.95);
    const good = await index.residual(await index.describe(plate(51)));
    const mean = residualNorm(good, good.calibration).data.reduce((a, b) => a + b) / 256;
    expect(mean).toBeGreaterThan(0.5);
    expect(mean).toBeLessThan(Math.sqrt(Math.LN2));
    await index.close();
  });

  test('delta is the nearest token of the neighbours minus the picture, and a picture finds itself unless excluded', async () => {
    const index = await ReferenceIndex.build(normals(5), { runtime, ...small });
    const described = await index.describe(plate(2));
    const self = await index.residual(described);
    expect(self.neighbours[0]).toMatchObject({ name: 'n2' });
    expect(self.neighbours[0].distance).toBeLessThan(0.5);
    expect(Math.max(...self.delta.map(Math.abs))).toBeLessThan(1e-3);
    const other = await index.residual(described, { exclude: ['n2'] });
    expect(other.neighbours.map(({ name }) => name)).not.toContain('n2');
    expect(Math.max(...other.delta.map(Math.abs))).toBeGreaterThan(0.01);
    expect(other.tokens).toEqual(described.tokens);
    await expect(index.residual(described, { exclude: index.names })).rejects.toMatchObject({ code: 'ADC_NO_NORMALS' });
    await index.close();
  });

  test('long pictures keep their aspect; sizes may differ', async () => {
    const index = await ReferenceIndex.build(normals(4, { width: 80, height: 240 }), { runtime, ...small });
    expect(index.grid).toEqual({ width: 64, height: 192 });
    const residual = await index.residual(await index.describe(plate(9, { width: 100, height: 310 })));
    expect([residual.height, residual.width]).toEqual([24, 8]);
    await index.close();
  });

  test('the order in which pictures are given does not matter', async () => {
    const [a, b] = [normals(4), normals(4).reverse()];
    const made = await Promise.all([a, b].map((list) => ReferenceIndex.build(list, { runtime, ...small })));
    expect(made[0].calibration).toEqual(made[1].calibration);
    expect(made[0].names).toEqual(['n0', 'n1', 'n2', 'n3']);
  });

  test('too few pictures are refused by code; copies of one picture are one picture', async () => {
    const build = (list: ReturnType<typeof normals>) => ReferenceIndex.build(list, { runtime, ...small });
    await expect(build([])).rejects.toMatchObject({ code: 'ADC_NO_NORMALS' });
    await expect(build(normals(1))).rejects.toMatchObject({ code: 'ADC_ONE_NORMAL' });
    const image = plate(0);
    await expect(
      build([
        { name: 'a', image },
        { name: 'b', image },
      ]),
    ).rejects.toMatchObject({ code: 'ADC_ONE_NORMAL' });
    await expect(
      build([
        { name: 'a', image },
        { name: 'a', image: plate(1) },
      ]),
    ).rejects.toThrow(/two good pictures/);
  });

  test('copies of a picture do not make calibration believe that good pictures are all alike', async () => {
    const list = normals(3);
    const twice = [...list, ...list.map(({ name, image }) => ({ name: `copy of ${name}`, image }))];
    const [once, doubled] = [
      await ReferenceIndex.build(list, { runtime, ...small }),
      await ReferenceIndex.build(twice, { runtime, ...small }),
    ];
    const mean = (index: ReferenceIndex) => index.calibration.reduce((a, b) => a + b) / index.dims;
    expect(mean(doubled) / mean(once)).toBeGreaterThan(0.8);
  });

  test('an aborted build rejects with the reason', async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('enough'));
    const work = ReferenceIndex.build(normals(8), { runtime, ...small, onProgress, signal: stop.signal });
    await expect(work).rejects.toThrow('enough');
  });
});

describe('foreground', () => {
  /** A bright noisy disc on black. */
  const part = (seed: number): RgbImage => {
    const random = new Random(seed);
    const data = new Uint8Array(128 * 128 * 3);
    for (let i = 0; i < 128 * 128; i++) {
      const inside = (Math.floor(i / 128) - 64) ** 2 + ((i % 128) - 64) ** 2 < 40 ** 2;
      data.fill(inside ? random.int(120, 250) : random.int(0, 8), 3 * i, 3 * i + 3);
    }
    return { data, width: 128, height: 128, channels: 3 };
  };

  test('an object is found, a texture has none', async () => {
    const parts = Array.from({ length: 5 }, (_, i) => ({ name: String(i), image: part(i) }));
    const index = await ReferenceIndex.build(parts, { runtime, ...small });
    const map = await index.foregroundOf(await index.residual(await index.describe(part(20))));
    expect([map?.width, map?.height]).toEqual([16, 16]);
    expect(map!.data[8 * 16 + 8]).toBeGreaterThan(0.6);
    expect(map!.data[0]).toBeLessThan(0.4);
    const texture = await ReferenceIndex.build(normals(5), { runtime, ...small });
    expect(await texture.foreground()).toBeUndefined();
  });
});

describe('zoomed', () => {
  test('shows a small defect on many tokens', async () => {
    const size = { width: 320, height: 320 };
    const index = await ReferenceIndex.build(normals(5, size), { runtime, ...small });
    const picture = plate(70, { ...size, defect: 20 });
    const { neighbours } = await index.residual(await index.describe(picture));
    const region = { x: 0.35, y: 0.35, width: 0.3, height: 0.3 };
    const near = await index.zoomed(region, neighbours, 16);
    expect(near.grid).toEqual({ width: 128, height: 128 });
    const box = boxOf(region, picture);
    const cut = {
      data: new Uint8Array(box.width * box.height * 3),
      width: box.width,
      height: box.height,
      channels: 3 as const,
    };
    for (let y = 0; y < box.height; y++) {
      const from = ((box.y + y) * picture.width + box.x) * 3;
      cut.data.set(picture.data.subarray(from, from + box.width * 3), y * box.width * 3);
    }
    const residual = await near.residual(await near.describe(cut));
    const norm = residualNorm(residual, residual.calibration).data;
    expect(norm[8 * 16 + 8]).toBeGreaterThan(1.4 * norm[1 * 16 + 1]);
    await expect(index.zoomed(region, neighbours.slice(0, 1))).rejects.toMatchObject({ code: 'ADC_ONE_NORMAL' });
    await expect(index.zoomed(region, [{ name: 'nobody' }])).rejects.toMatchObject({ code: 'ADC_IMAGE_MISSING' });
  });
});

/** All files of a folder with the hash of their content. */
async function fingerprint(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).sort();
  const hash = async (name: string) =>
    createHash('sha256')
      .update(await readFile(join(directory, name)))
      .digest('hex');
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await hash(name)] as const)));
}

describe('on disk', () => {
  let good: string[];
  beforeAll(async () => {
    good = [];
    for (let i = 0; i < 6; i++) {
      const path = join(root, 'good', `${i}.png`);
      await writePng(path, plate(i, { width: 150, height: 130 }));
      good.push(path);
    }
  });
  const paths = (list: readonly string[]) => list.map((path) => ({ path }));
  const build = (directory: string, list: readonly string[] = good) =>
    ReferenceIndex.build(paths(list), { runtime, ...small, directory });

  test('an opened index gives the residuals of the one that was built, and those of one in memory', async () => {
    const directory = join(root, 'same');
    const built = await build(directory);
    const opened = await ReferenceIndex.open(directory, { runtime });
    const memory = await ReferenceIndex.build(paths(good), { runtime, ...small });
    const described = await built.describe(plate(90, { defect: 30 }));
    const want = await built.residual(described);
    expect(want.neighbours[0]?.path).toBe(good.find((path) => path.endsWith(want.neighbours[0].name)));
    for (const index of [opened, memory]) {
      const got = await index.residual(described);
      expect(got).toEqual(want);
      expect(index.settings).toEqual(built.settings);
    }
    const path = good[3];
    const excluded = await opened.residual(await opened.describe(plate(3)), { exclude: [path] });
    expect(excluded.neighbours.map((neighbour) => neighbour.path)).not.toContain(path);
  });

  test('grown in steps, shrunk again or built at once, the bytes are the same', async () => {
    const [once, steps] = [join(root, 'once'), join(root, 'steps')];
    await build(once);
    await build(steps, good.slice(0, 3));
    await build(steps, good.slice(2));
    await build(steps);
    const whole = await fingerprint(once);
    expect(Object.keys(whole)).toHaveLength(6 + 2);
    // Beside it lies what only the index before has.
    expect(await fingerprint(steps)).toMatchObject(whole);
  });

  test('an index that is open goes on as it was when another one is built in its place', async () => {
    const directory = join(root, 'generations');
    await (await build(directory, good.slice(0, 3))).close();
    const opened = await ReferenceIndex.open(directory, { runtime });
    const described = await opened.describe(plate(91, { defect: 30 }));
    await build(directory, good.slice(2));
    // Built again without a change, it is the same one.
    await build(directory, good.slice(2));
    const residual = await opened.residual(described);
    expect(residual.neighbours.map(({ name }) => name).sort()).toEqual(['0.png', '1.png', '2.png']);
    expect((await ReferenceIndex.open(directory, { runtime })).names).toHaveLength(4);
    // What nobody can have open any more is gone with the next one, and what a build has left that was cut off.
    const half = [`.${'a'.repeat(32)}.shard.x.tmp`, '.index.json.x.tmp', `${'b'.repeat(32)}.shard`];
    for (const name of half) await writeFile(join(directory, name), 'half');
    await build(directory, good.slice(3));
    const names = await readdir(directory);
    expect(names.filter((name) => name.endsWith('.shard'))).toHaveLength(4);
    expect(names.filter((name) => name.startsWith('tables-'))).toHaveLength(2);
    for (const name of half) expect(names).not.toContain(name);
  });

  test('while nobody can tell what the index before names, nothing of it is removed', async () => {
    const directory = join(root, 'untold');
    await (await build(directory, good.slice(0, 3))).close();
    await (await build(directory, good.slice(2))).close();
    const names = (await readdir(directory)).sort();
    await rm(join(directory, 'before.json'));
    await mkdir(join(directory, 'before.json'));
    await (await build(directory, good.slice(2))).close();
    expect((await readdir(directory)).sort()).toEqual(names);
  });

  test.skipIf(process.platform === 'win32')(
    'an index that cannot be read is mended, and nothing of it is removed',
    async () => {
      const directory = join(root, 'unreadable');
      await (await build(directory, good.slice(0, 3))).close();
      const names = await readdir(directory);
      const file = join(directory, 'index.json');
      await rm(file);
      await symlink('index.json', file);
      await expect(readFile(file)).rejects.toMatchObject({ code: 'ELOOP' });
      await (await build(directory, good.slice(2))).close();
      expect(await readdir(directory)).toEqual(expect.arrayContaining(names));
      expect((await ReferenceIndex.open(directory, { runtime })).names).toHaveLength(4);
    },
  );

  test('pictures that are described already are not described again', async () => {
    const directory = join(root, 'reuse');
    await build(directory, good.slice(0, 4));
    const times = async () => {
      const names = (await readdir(directory)).filter((name) => name.endsWith('.shard'));
      return new Map(await Promise.all(names.map(async (n) => [n, (await stat(join(directory, n))).mtimeMs] as const)));
    };
    const before = await times();
    await build(directory);
    const after = await times();
    expect(after.size).toBe(6);
    for (const [name, time] of before) expect(after.get(name)).toBe(time);
  });

  test.each([
    ['index.json cut off', async (d: string) => truncate(join(d, 'index.json'), 50)],
    ['index.json of another format', async (d: string) => writeFile(join(d, 'index.json'), '{"format": "other"}')],
    ['tables altered', (d: string) => alter(d, /^tables-/, 100)],
    ['tables missing', (d: string) => remove(d, /^tables-/)],
    ['a shard cut off', async (d: string) => truncate(await find(d, /shard$/), 999)],
    ['a shard missing', (d: string) => remove(d, /shard$/)],
  ])('%s: ADC_INDEX_DAMAGED, and building again mends it', async (_, damage) => {
    const directory = join(root, 'damaged');
    await rm(directory, { recursive: true, force: true });
    await build(directory);
    const whole = await fingerprint(directory);
    await damage(directory);
    await expect(ReferenceIndex.open(directory, { runtime })).rejects.toMatchObject({ code: 'ADC_INDEX_DAMAGED' });
    await build(directory);
    expect(await fingerprint(directory)).toEqual(whole);
  });

  test('a flipped bit in a shard is found when it is read, and mended by building again', async () => {
    const directory = join(root, 'flipped');
    const built = await build(directory);
    const whole = await fingerprint(directory);
    for (const name of await readdir(directory))
      if (name.endsWith('.shard')) await alter(directory, new RegExp(name), 5000);
    const opened = await ReferenceIndex.open(directory, { runtime });
    const described = await built.describe(plate(90));
    await expect(opened.residual(described)).rejects.toMatchObject({ code: 'ADC_INDEX_DAMAGED' });
    await build(directory);
    expect(await fingerprint(directory)).toEqual(whole);
  });

  test('no index: ADC_INDEX_MISSING', async () => {
    await expect(ReferenceIndex.open(join(root, 'nowhere'), { runtime })).rejects.toMatchObject({
      code: 'ADC_INDEX_MISSING',
    });
  });

  test('a picture that cannot be read or a folder that cannot be written leaves the old index as it was', async () => {
    const directory = join(root, 'kept');
    await build(directory, good.slice(0, 4));
    const before = await fingerprint(directory);
    const bad = join(root, 'bad.png');
    await writeFile(bad, 'not a picture');
    await expect(build(directory, [...good, bad])).rejects.toMatchObject({ code: 'ADC_IMAGE_UNREADABLE' });
    await expect(build(directory, [...good, join(root, 'none.png')])).rejects.toMatchObject({
      code: 'ADC_IMAGE_MISSING',
    });
    const opened = await ReferenceIndex.open(directory, { runtime });
    expect(opened.names).toHaveLength(4);
    const after = await fingerprint(directory);
    for (const [name, hash] of Object.entries(before)) expect(after[name]).toBe(hash);
    const blocked = join(root, 'file');
    await writeFile(blocked, '');
    await expect(build(join(blocked, 'index'))).rejects.toMatchObject({ code: 'ADC_DISK' });
  });

  // A limit on file sizes stands for a full disk: writing fails half way, with the same kind of error.
  test.skipIf(process.platform === 'win32')(
    'a disk that fills up while indexing: ADC_DISK, the old index intact',
    async () => {
      const directory = join(root, 'full');
      await build(directory, good.slice(0, 3));
      const before = await fingerprint(directory);
      const code = `
      import { ReferenceIndex } from ${JSON.stringify(new URL('./reference-index.ts', import.meta.url).href)};
      const normals = ${JSON.stringify(paths(good))};
      const settings = ${JSON.stringify({ ...small, directory })};
      await ReferenceIndex.build(normals, settings).then(() => process.exit(9), (error) => console.log(error.code));`;
      const node = `exec "${process.execPath}" --conditions=@adclick/source --import tsx --input-type=module -e "$0"`;
      const { stdout } = await promisify(execFile)('sh', ['-c', `ulimit -f 100; ${node}`, code]);
      expect(stdout.trim()).toBe('ADC_DISK');
      expect(await fingerprint(directory)).toEqual(before);
      expect((await ReferenceIndex.open(directory, { runtime })).names).toEqual(['0.png', '1.png', '2.png']);
    },
  );

  test('a moved project still finds its pictures', async () => {
    const [from, to] = [join(root, 'project'), join(root, 'moved')];
    await cp(join(root, 'good'), join(from, 'good'), { recursive: true });
    await build(
      join(from, '.adclick'),
      good.map((path) => path.replace(root, from)),
    );
    await cp(from, to, { recursive: true });
    await rm(from, { recursive: true });
    const opened = await ReferenceIndex.open(join(to, '.adclick'), { runtime });
    expect(await opened.picture('3.png')).toMatchObject({ width: 150, height: 130 });
  });
});

async function find(directory: string, pattern: RegExp): Promise<string> {
  return join(directory, (await readdir(directory)).sort().find((name) => pattern.test(name)) as string);
}

async function alter(directory: string, pattern: RegExp, at: number): Promise<void> {
  const path = await find(directory, pattern);
  const bytes = await readFile(path);
  bytes[at] = bytes[at] ^ 1;
  await writeFile(path, bytes);
}

async function remove(directory: string, pattern: RegExp): Promise<void> {
  await rm(await find(directory, pattern));
}
