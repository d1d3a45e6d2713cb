/** Project files and YOLO's data.yaml made to be slow, to multiply or to confuse: each is refused with its line, in little time. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openMemory } from '../../src/exchange/source.ts';
import { readClasses } from '../../src/exchange/yolo-classes.ts';
import { openProject } from '../../src/project/project.ts';

/** Milliseconds that a file may take. */
const BUDGET = 10_000;
const SOUND = 'categories:\n  cap:\n    good: [train/good]\n';
/** Nine of nine of nine, eight levels deep. */
const BOMB = [...'bcdefghi'].reduce(
  (text, key, i) => `${text}${key}: &${key} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]\n`,
  `a: &a [${Array(9).fill('x').join(', ')}]\n`,
);
const keys = (count: number) => Array.from({ length: count }, (_, i) => `k${i}: &a${i} x\n`).join('');

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-hostile-yaml-'));
});
afterAll(() => rm(folder, { recursive: true }));

const FILES: readonly (readonly [string, string | Uint8Array, number])[] = [
  ['aliases that multiply', SOUND + BOMB, 5],
  ['an alias of nothing', `${SOUND}weights: *none\n`, 4],
  ['a key that stands twice', `${SOUND}pixels: 512\npixels: 256\n`, 5],
  ['a category that stands twice', `${SOUND}  cap:\n    good: [b]\n`, 4],
  ['a tab', 'categories:\n\tcap:\n', 2],
  ['bytes', `${SOUND}weights: !!binary aGVsbG8=\n`, 4],
  ['a set', `${SOUND}pixels: !!set {a}\n`, 4],
  ['a merged category', 'x: &x {good: [a]}\ncategories:\n  cap:\n    <<: *x\n', 4],
  ['a key of the prototype', `${SOUND}__proto__: {pixels: 1}\n`, 4],
  ['a category of the prototype', 'categories:\n  __proto__:\n    good: [a]\n', 2],
  ['a map as a key', '? {a: 1}\n: b\n', 1],
  ['a control character in a path', `${SOUND}weights: "a\\0b"\n`, 4],
  ['a text without end', `${SOUND}weights: "abc\n`, 5],
  ['two documents', `${SOUND}---\n${SOUND}`, 4],
  ['lists inside each other', '['.repeat(20_000), 1],
  ['maps inside each other', Array.from({ length: 2_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 920],
  ['keys by the ten thousand', SOUND + keys(40_000), 4],
  ['a megabyte and more', `${SOUND}#${'x'.repeat(2 ** 20)}`, 1],
  ['Latin letters in one byte', Buffer.from(`${SOUND}weights: Pr\u00fcfung\n`, 'latin1'), 4],
];

describe('adclick.yaml', () => {
  test.each(FILES)('%s', async (_, content, line) => {
    await writeFile(join(folder, 'adclick.yaml'), content);
    const start = performance.now();
    const error = await openProject(folder).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(performance.now() - start).toBeLessThan(BUDGET);
    expect(error).toMatchObject({ code: 'ADC_PROJECT' });
    const { details, message } = error as { details: { line: number }; message: string };
    // Where the parser's stack ends, the version of Node.js says.
    if (_ !== 'maps inside each other') expect(details.line).toBe(line);
    expect(message).not.toMatch(/stack|\n/);
  });

  test('in UTF-16, and with aliases that stand for themselves, is read', async () => {
    const text = 'categories:\n  cap: &c\n    good: [a]\n  lid: *c\n';
    await writeFile(join(folder, 'adclick.yaml'), Buffer.from(`\ufeff${text}`, 'utf16le'));
    expect(Object.keys((await openProject(folder)).settings.categories)).toEqual(['cap', 'lid']);
  });
});

describe("YOLO's data.yaml", () => {
  const read = (text: string) =>
    readClasses(openMemory(new Map([['data.yaml', new TextEncoder().encode(text)]])), () => undefined);

  test.each([
    ['aliases that multiply', `names: [a]\n${BOMB}`, 'line 3'],
    ['any alias', 'x: &x a\nnames: [*x]\n', 'line 2'],
    ['a key that stands twice', 'names: [a]\nnc: 1\nnames: [b]\n', 'line 3'],
    ['a text without end', 'names: [a]\nnc: "1\n', 'line 3'],
    ['a tab', 'names:\n\t0: a\n', 'line 2'],
    ['lists inside each other', `names: ${'['.repeat(20_000)}`, 'line 1'],
    ['keys by the ten thousand', `names: [a]\nnc: 1\nx: ]\n${keys(5_000)}`, 'line 3'],
  ])('%s', async (_, text, field) => {
    const start = performance.now();
    await expect(read(text)).rejects.toMatchObject({ code: 'ADC_EXCHANGE_FILE', details: { field } });
    expect(performance.now() - start).toBeLessThan(BUDGET);
  });

  test('sound ones are read as they stand', async () => {
    const { names } = await read('train: images\nnc: 3\nnames:\n  0: no\n  1: 1.0\n  2: "~"\n');
    expect([...names]).toEqual([
      [0, 'no'],
      [1, '1.0'],
      [2, '~'],
    ]);
  });
});
