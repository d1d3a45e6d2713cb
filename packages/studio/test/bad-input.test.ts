/** What users feed by mistake: each gets its code, and what was there before is intact. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMask, writeMask, writePng } from '@adclick/core';
import { encodeJpeg, encodePng } from '@adclick/core/image';
import { makeProduct, Random } from '@adclick/core/synthesis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adclick, errorCode } from './command.ts';

const SIZE = 192;
const product = makeProduct('bottleMouth', 5, { width: SIZE, height: SIZE });

let root = '';
let project = '';
let bad = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-bad-input-'));
  project = join(root, 'cap');
  for (let i = 0; i < 4; i++)
    await writePng(join(project, 'train/good', `${i}.png`), product.good(new Random(`good/${i}`)));
  bad = join(root, 'bad.png');
  await writePng(bad, product.good(new Random('bad')));
  const made = await adclick(['init', project, '--yes']);
  expect(made.code, made.stderr).toBe(0);
  const file = join(project, 'adclick.yaml');
  await writeFile(file, (await readFile(file, 'utf8')).replace('pixels: auto', `pixels: ${SIZE}`));
  const indexed = await adclick(['index', project, '--json']);
  expect(indexed.code, indexed.stderr).toBe(0);
  expect(JSON.parse(indexed.stdout).indexes).toMatchObject([{ category: 'cap', pictures: 4, added: 4 }]);
});
afterAll(() => rm(root, { recursive: true }));

const label = (picture: string, ...more: string[]) =>
  adclick(['label', picture, '--project', project, '--click', '96,60,+', ...more], { cwd: root });

/** A copy of the project that a test may break. */
async function copyOf(name: string): Promise<string> {
  const copy = join(root, name);
  await cp(project, copy, { recursive: true });
  return copy;
}

/** Hash of every file of a folder, by path. */
async function fingerprint(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const pairs = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return [
      path,
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ] as const;
  });
  return Object.fromEntries(await Promise.all(pairs));
}

const indexFiles = (folder: string) => fingerprint(join(folder, '.adclick', 'index'));

async function shards(folder: string): Promise<string[]> {
  const all = Object.keys(await indexFiles(folder));
  return all.filter((path) => !path.endsWith('.json') && !path.endsWith('.safetensors'));
}

describe('a picture that is fine', () => {
  test('gets a mask of its own size and 16-bit probabilities', async () => {
    const [mask, probability] = [join(root, 'out', 'mask.png'), join(root, 'out', 'prob.png')];
    const ended = await label(bad, '--out', mask, '--prob', probability, '--json');
    expect(ended.code, ended.stderr).toBe(0);
    const answer = JSON.parse(ended.stdout) as { pixels: number; mask: string; width: number };
    expect(answer).toMatchObject({ mask, probability, width: SIZE, height: SIZE, category: 'cap' });
    const written = await readMask(mask, { width: SIZE, height: SIZE });
    expect(written.data.reduce((sum, value) => sum + value, 0)).toBe(answer.pixels);
    const png = await readFile(probability);
    expect(png[24], 'bit depth').toBe(16);
  });

  test('is read by its content, whatever its extension', async () => {
    const path = join(root, 'jpeg.png');
    await writeFile(path, await encodeJpeg(product.good(new Random('jpeg'))));
    const ended = await label(path, '--out', join(root, 'jpeg_mask.png'));
    expect(ended.code, ended.stderr).toBe(0);
  });
});

describe('a picture that is not', () => {
  /** A PNG whose header announces 10,000 x 10,000 pixels. */
  async function huge(): Promise<Uint8Array> {
    const bytes = await encodePng({ data: new Uint8Array(4), width: 2, height: 2, channels: 1 });
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(16, 10_000);
    view.setUint32(20, 10_000);
    return bytes;
  }

  test.each([
    ['missing', undefined, 'ADC_IMAGE_MISSING'],
    ['zero bytes', async () => new Uint8Array(0), 'ADC_IMAGE_EMPTY'],
    ['text named .png', async () => new TextEncoder().encode('no picture'), 'ADC_IMAGE_UNREADABLE'],
    ['a PDF named .png', async () => new TextEncoder().encode('%PDF-1.7\n%âã'), 'ADC_IMAGE_UNREADABLE'],
    ['truncated', async () => (await readFile(bad)).subarray(0, 5000), 'ADC_IMAGE_TRUNCATED'],
    ['100 megapixels', huge, 'ADC_IMAGE_TOO_LARGE'],
  ] as const)('%s', async (name, content, code) => {
    const path = join(root, `${name}.png`);
    if (content) await writeFile(path, await content());
    const mask = join(root, `${name}-mask.png`);
    await writeFile(mask, 'was here before');
    const ended = await label(path, '--out', mask);
    expect(errorCode(ended), ended.stderr).toBe(code);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toContain(path);
    expect(await readFile(mask, 'utf8')).toBe('was here before');
  });
});

test.each(['192,60,+', '60,192,-', '-1,60,+'])('a click outside, %s', async (click) => {
  const mask = join(root, 'outside.png');
  const ended = await adclick(['label', bad, '--project', project, '--click', click, '--out', mask]);
  expect(errorCode(ended), ended.stderr).toBe('ADC_CLICK_OUTSIDE');
  expect(ended.code).toBe(2);
  expect(existsSync(mask)).toBe(false);
});

describe('good pictures', () => {
  test.each([
    ['none', 0, 'ADC_NO_NORMALS'],
    ['one', 1, 'ADC_ONE_NORMAL'],
  ] as const)('%s', async (name, count, code) => {
    const folder = join(root, `normals-${name}`);
    await mkdir(join(folder, 'train', 'good'), { recursive: true });
    for (let i = 0; i < count; i++) await cp(bad, join(folder, 'train', 'good', `${i}.png`));
    const ended = await adclick(['index', folder]);
    expect(errorCode(ended), ended.stderr).toBe(code);
    expect(ended.code).toBe(1);
  });

  test('a broken one among them: the old index stays as it was', async () => {
    const folder = await copyOf('broken-normal');
    const before = await indexFiles(folder);
    await writeFile(join(folder, 'train', 'good', '9.png'), (await readFile(bad)).subarray(0, 3000));
    const ended = await adclick(['index', folder]);
    expect(errorCode(ended), ended.stderr).toBe('ADC_IMAGE_TRUNCATED');
    expect(await indexFiles(folder)).toEqual(before);
  });

  test('one more: only it is described, and labelling brings a stale index up to date', async () => {
    const folder = await copyOf('added');
    await writePng(join(folder, 'train', 'good', '9.png'), product.good(new Random('added')));
    const args = ['label', bad, '--project', folder, '--click', '96,60,+', '--out', join(root, 'stale.png')];
    const labelled = await adclick(args);
    expect(labelled.code, labelled.stderr).toBe(0);
    expect(labelled.stderr).toContain('up to date');
    expect((await shards(folder)).length).toBe(5);
    const again = await adclick(['index', folder, '--json']);
    expect(JSON.parse(again.stdout).indexes).toMatchObject([{ pictures: 5, added: 0 }]);
  });
});

describe('the index', () => {
  test('never built', async () => {
    const folder = await copyOf('unindexed');
    await rm(join(folder, '.adclick'), { recursive: true });
    const ended = await adclick(['label', bad, '--project', folder, '--click', '96,60,+']);
    expect(errorCode(ended), ended.stderr).toBe('ADC_INDEX_MISSING');
  });

  test.each([
    ['cut off', (path: string) => truncate(path, 1000)],
    [
      'altered',
      async (path: string) => {
        const bytes = await readFile(path);
        bytes[bytes.length >> 2] ^= 1;
        await writeFile(path, bytes);
      },
    ],
    ['missing', (path: string) => rm(path)],
  ] as const)('a file of it %s: ADC_INDEX_DAMAGED, and indexing again mends it', async (name, damage) => {
    const folder = await copyOf(`damaged-${name}`);
    const before = await indexFiles(folder);
    for (const path of await shards(folder)) await damage(path);
    const args = ['label', bad, '--project', folder, '--click', '96,60,+', '--out', join(root, 'damaged.png')];
    const ended = await adclick(args);
    expect(errorCode(ended), ended.stderr).toBe('ADC_INDEX_DAMAGED');
    expect((await adclick(['index', folder])).code).toBe(0);
    const after = await indexFiles(folder);
    for (const path of await shards(folder)) expect(after[path]).toBe(before[path]);
    expect((await adclick(args)).code).toBe(0);
  });

  test('a full disk while indexing: ADC_DISK, the old index stays', async () => {
    const folder = await copyOf('full-disk');
    const before = await indexFiles(folder);
    for (let i = 0; i < 3; i++)
      await writePng(join(folder, 'train', 'good', `new-${i}.png`), product.good(new Random(`new/${i}`)));
    const ended = await adclick(['index', folder], { fileLimit: 16 });
    expect(errorCode(ended), ended.stderr).toBe('ADC_DISK');
    expect(await indexFiles(folder)).toEqual(before);
  });

  test('Ctrl-C while indexing: 130, no half file, and the next run ends what was begun', async () => {
    const folder = join(root, 'interrupted');
    await mkdir(join(folder, 'train', 'good'), { recursive: true });
    const { data, ...size } = product.good(new Random('many'));
    for (let i = 0; i < 24; i++) {
      const other = data.map((value, at) => (at === i ? 255 - value : value));
      await writePng(join(folder, 'train', 'good', `${i}.png`), { ...size, data: other });
    }
    const index = join(folder, '.adclick', 'index');
    const ended = await adclick(['index', folder], {
      started: (child) => {
        const timer = setInterval(() => {
          if (!existsSync(index)) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 20);
      },
    });
    expect(errorCode(ended), ended.stderr).toBe('ADC_CANCELLED');
    expect(ended.code).toBe(130);
    const files = await readdir(folder, { recursive: true });
    expect(files.filter((path) => path.endsWith('.tmp'))).toEqual([]);
    const again = await adclick(['index', folder, '--json']);
    expect(JSON.parse(again.stdout).indexes).toMatchObject([{ pictures: 24 }]);
  });
});

describe('weights', () => {
  test.each([
    ['missing', undefined, 'ADC_WEIGHTS_MISSING'],
    ['zero bytes', async () => new Uint8Array(0), 'ADC_WEIGHTS_DAMAGED'],
    ['text', async () => new TextEncoder().encode('these are no weights at all'), 'ADC_WEIGHTS_DAMAGED'],
    [
      'another kind',
      () => readFile(new URL('../../../models/efficientnet-lite0/model.safetensors', import.meta.url)),
      'ADC_WEIGHTS_KIND',
    ],
    [
      'cut off',
      async () =>
        (await readFile(new URL('../../../models/efficientnet-lite0/model.safetensors', import.meta.url))).subarray(
          0,
          100_000,
        ),
      'ADC_WEIGHTS_DAMAGED',
    ],
  ] as const)('%s', async (name, content, code) => {
    const path = join(root, `${name}.safetensors`);
    if (content) await writeFile(path, await content());
    const mask = join(root, `weights-${name}.png`);
    await writeFile(mask, 'was here before');
    const ended = await label(bad, '--weights', path, '--out', mask);
    expect(errorCode(ended), ended.stderr).toBe(code);
    expect(ended.code).toBe(1);
    expect(await readFile(mask, 'utf8')).toBe('was here before');
  });
});

describe('models verify', () => {
  test('names a file that is not what was shipped', async () => {
    const models = join(root, 'models');
    await cp(new URL('../../../models', import.meta.url), models, { recursive: true });
    const path = join(models, 'efficientnet-lite0', 'architecture.json');
    await rm(path);
    await writeFile(path, '{}');
    const ended = await adclick(['models', 'verify'], { env: { ADCLICK_MODELS: models } });
    expect(errorCode(ended), ended.stderr).toBe('ADC_MODEL_CHANGED');
    expect(ended.stderr).toContain('efficientnet-lite0/architecture.json');
  });
});

describe('projects', () => {
  test('a wrong line of adclick.yaml is named', async () => {
    const folder = await copyOf('wrong-yaml');
    await writeFile(join(folder, 'adclick.yaml'), 'categories:\n  cap:\n    good: train/good\n');
    const ended = await adclick(['label', bad, '--project', folder, '--click', '1,2,+']);
    expect(errorCode(ended), ended.stderr).toBe('ADC_PROJECT');
    expect(ended.stderr).toContain('line 3, categories.cap.good');
  });

  test('a backbone that nobody has imported is named, with the command that takes it in', async () => {
    const folder = await copyOf('not-imported');
    const file = join(folder, 'adclick.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/^backbone: .*$/m, 'backbone: wide-resnet-50-2'));
    const ended = await adclick(['index', folder], { env: { ADCLICK_MODELS: join(root, 'no-models') } });
    expect(errorCode(ended), ended.stderr).toBe('ADC_NETWORK_MISSING');
    expect(ended.stderr).toContain('adclick models import FILE --as wide-resnet-50-2');
    expect(ended.code).toBe(1);
  });

  test('a folder without a project', async () => {
    const ended = await adclick(['label', bad, '--project', root, '--click', '1,2,+']);
    expect(errorCode(ended), ended.stderr).toBe('ADC_PROJECT_MISSING');
  });
});

describe('datasets', () => {
  async function dataset(name: string, size: number): Promise<string> {
    const folder = join(root, name);
    await mkdir(join(folder, 'cap', 'train'), { recursive: true });
    await symlink(join(project, 'train', 'good'), join(folder, 'cap', 'train', 'good'), 'junction');
    await writePng(join(folder, 'cap', 'test', 'dent', '0.png'), product.good(new Random('dent')));
    const data = new Uint8Array(size * size);
    for (let y = 60; y < 80; y++) data.fill(1, y * size + 60, y * size + 80);
    const mask = { data, width: size, height: size, channels: 1 } as const;
    await writeMask(join(folder, 'cap', 'ground_truth', 'dent', '0_mask.png'), mask);
    return folder;
  }
  const evaluate = (folder: string, ...more: string[]) =>
    adclick(['evaluate', 'clicks', '--data', folder, '--category', 'cap', '--pixels', String(SIZE), ...more]);

  test('are evaluated, with a report', async () => {
    const report = join(root, 'report.html');
    const ended = await evaluate(await dataset('fine', SIZE), '--clicks', '3', '--report', report, '--json');
    expect(ended.code, ended.stderr).toBe(0);
    const answer = JSON.parse(ended.stdout) as Record<string, Record<string, unknown>>;
    expect(Object.keys(answer.clicks as object)).toEqual(['1', '3']);
    expect(Object.keys(answer.noc as object)).toEqual(['80', '85', '90']);
    expect(Object.keys(answer.msPerClick as object)).toEqual(['p50', 'p95']);
    expect(answer).toMatchObject({ category: 'cap', images: 1 });
    expect(await readFile(report, 'utf8')).toMatch(/^<!doctype html>/);
  });

  test('a mask of another size', async () => {
    const ended = await evaluate(await dataset('mask-size', SIZE / 2));
    expect(errorCode(ended), ended.stderr).toBe('ADC_MASK_SIZE');
  });

  test('a category that is not there', async () => {
    const ended = await adclick(['evaluate', 'clicks', '--data', root, '--category', 'nothing']);
    expect(errorCode(ended), ended.stderr).toBe('ADC_DATASET');
  });
});
