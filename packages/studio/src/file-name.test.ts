import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { collisionKey, distinctFileName, fileName } from './file-name.ts';

const decomposed = 'Stu\u0308ck';
const composed = 'St\u00fcck';

test.each(['bracket', 'Screw', 'a b', 'a_b', 'a-b', '螺丝', '齿轮', composed, 'a.b', "l'été", '50 %'])(
  '%s is a name already',
  (text) => {
    expect(fileName(text)).toBe(text);
  },
);

test.each([
  ['a/b\\c:d', 'a_b_c_d'],
  ['what?', 'what_'],
  ['..', '__'],
  ['', '_'],
  [' a. ', '_a__'],
  ['.hidden', '_hidden'],
  ['NUL', '_NUL'],
  ['con.png', '_con.png'],
  ['com1', '_com1'],
  ['Lpt9 .txt', '_Lpt9 .txt'],
  ['line\nbreak', 'line_break'],
  ['zero\u200bwidth', 'zero_width'],
  ['half \ud800', 'half _'],
])('%j cannot be a name; what can is kept, and told apart', (text, plain) => {
  const name = fileName(text);
  expect(name.replace(/-[0-9a-f]{8}$/, '')).toBe(plain);
  expect(name).not.toBe(plain);
  expect(fileName(text)).toBe(name);
});

test('names are short enough for every disk, whatever they are written in', () => {
  for (const text of ['a'.repeat(500), '螺'.repeat(200), '😀'.repeat(100), `${'a'.repeat(110)}. . . . . . . .b`]) {
    expect(Buffer.byteLength(fileName(text))).toBeLessThanOrEqual(120);
    expect(fileName(text)).not.toMatch(/[. ]-[0-9a-f]{8}$/);
    expect(fileName(text)).not.toBe(fileName(`${text}b`));
  }
});

const ODD = [
  ...[
    'a b',
    'a_b',
    'a/b',
    'a\\b',
    'a:b',
    'a?b',
    'a-b',
    '螺丝',
    '齿轮',
    '_',
    '__',
    '',
    ' ',
    '.',
    '..',
    '...',
    'a',
    'A',
    'a.',
  ],
  ...[
    'a ',
    'nul',
    'NUL',
    '_nul',
    'Nul.txt',
    composed,
    decomposed,
    composed.toUpperCase(),
    'ß',
    'ss',
    'SS',
    'ſ',
    's',
    'S',
  ],
  ...[
    'a\u200b',
    '\ud800',
    '\ud801',
    '\ufffd',
    'ı',
    'i',
    'I',
    'İ',
    '\u03c3',
    '\u03c2',
    '\u03a3',
    'x'.repeat(121),
    'x'.repeat(122),
  ],
];

test('texts that differ in anything have names that differ on every disk', async () => {
  // A name that has been made is a text like any other.
  const texts = [...new Set([...ODD, ...ODD.map(fileName), ...ODD.map(distinctFileName)])];
  const names = texts.map(distinctFileName);
  expect(new Set(names.map(collisionKey)).size).toBe(texts.length);
  const folder = await mkdtemp(join(tmpdir(), 'adclick-names-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of names) await writeFile(join(folder, name), '');
  expect(new Set(await readdir(folder))).toEqual(new Set(names));
});

test('names without that care differ but for case and Unicode form', () => {
  const keys = new Map<string, string>();
  for (const text of new Set([...ODD, ...ODD.map(fileName)])) {
    const key = collisionKey(fileName(text));
    expect(collisionKey(keys.get(key) ?? text)).toBe(collisionKey(text));
    keys.set(key, text);
  }
  expect(fileName(decomposed)).toBe(fileName(composed));
});
