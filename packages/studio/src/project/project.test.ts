import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@adclick/ortgrad';
import { afterAll, describe, expect, test } from 'vitest';
import { openProject, PROJECT_FILE, parseProject, writeProject } from './project.ts';

const MINIMAL = 'categories:\n  cap:\n    good: [train/good]\n';

function failureOf(text: string): CodedError {
  try {
    parseProject(text, 'adclick.yaml');
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('it parsed');
}

describe('parseProject', () => {
  test('fills in defaults', () => {
    const project = parseProject(MINIMAL, 'adclick.yaml');
    expect(project.categories.cap).toEqual({ good: ['train/good'], test: [], defects: [] });
    expect(project).toMatchObject({
      backbone: 'efficientnet-lite0',
      preset: 'small',
      pixels: 'auto',
      textEncoder: 'minilm-l6',
    });
    expect(project.thresholds.mask).toBe(0.49);
  });

  test.each([
    ['a value of the wrong kind', `${MINIMAL}pixels: many\n`, 4, 'pixels'],
    ['a value out of range', `${MINIMAL}\nthresholds:\n  mask: 3\n`, 6, 'thresholds.mask'],
    ['an unknown field', `${MINIMAL}backbon: x\n`, 4, 'backbon'],
    ['an unknown field deep inside', `${MINIMAL}    goood: []\n`, 4, 'categories.cap.goood'],
    ['an empty list', 'categories:\n  cap:\n    good: []\n', 3, 'categories.cap.good'],
    ['an item of the wrong kind', 'categories:\n  cap:\n    good:\n      - a\n      - 5\n', 5, 'categories.cap.good.1'],
    ['a choice that is none', `${MINIMAL}preset: huge\n`, 4, 'preset'],
    ['an encoder that there is not', `${MINIMAL}textEncoder: gpt\n`, 4, 'textEncoder'],
    ['no categories', '\n\npixels: 512\n', 3, 'categories'],
    ['an empty file', '', 1, 'the whole file'],
    ['broken YAML', 'categories:\n  cap: [\n', 3, 'YAML'],
    ['a name twice', `${MINIMAL}pixels: 512\npixels: 640\n`, 5, 'YAML'],
  ])('%s: names line and field', (_, text, line, field) => {
    const { code, details } = failureOf(text);
    expect({ code, line: details.line, field: details.field }).toEqual({ code: 'ADC_PROJECT', line, field });
  });
});

describe('project files', async () => {
  const root = await mkdtemp(join(tmpdir(), 'adclick-project-'));
  afterAll(() => rm(root, { recursive: true }));

  test('read back as they were written, with every field spelled out', async () => {
    const draft = { categories: { cap: { good: ['ok'], defects: ['dent'] } }, pixels: 640 };
    const written = await writeProject(join(root, PROJECT_FILE), draft);
    expect(await openProject(root)).toEqual(written);
    expect(written.settings.pixels).toBe(640);
    expect(await readFile(join(root, PROJECT_FILE), 'utf8')).toMatch(/^backbone: efficientnet-lite0$/m);
  });

  test.each<[string, (text: string) => Buffer]>([
    ['UTF-8 with a mark', (text) => Buffer.from(`\ufeff${text}`)],
    ['UTF-16 with a mark', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 without a mark', (text) => Buffer.from(text, 'utf16le')],
    ['big-endian UTF-16 with a mark', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['lines that end as on Windows', (text) => Buffer.from(text.replaceAll('\n', '\r\n'))],
  ])('%s is read', async (_, coded) => {
    const folder = await mkdtemp(join(root, 'coded-'));
    await writeFile(join(folder, PROJECT_FILE), coded('categories:\n  Schlüssel:\n    good: [gut/螺丝]\n'));
    const { settings } = await openProject(folder);
    expect(settings.categories).toEqual({ Schlüssel: { good: ['gut/螺丝'], test: [], defects: [] } });
  });

  test('a folder without one is ADC_PROJECT_MISSING', async () => {
    await expect(openProject(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'ADC_PROJECT_MISSING' });
  });
});
