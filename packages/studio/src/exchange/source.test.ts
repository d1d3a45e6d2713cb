/** What must not get in: paths and links that leave the folder, archives that fill the disk, files made to exhaust the reader. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { all, bitmapOf, essence } from '../../test/labels.ts';
import { EXCHANGE_FORMATS } from './formats.ts';
import { parseJson } from './json.ts';
import { Painter } from './painter.ts';
import { safePath } from './paths.ts';
import { openMemory, openSource, openZip } from './source.ts';
import type { LeftOut } from './types.ts';
import { parseXml } from './xml.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-source-'));
});
afterAll(() => rm(root, { recursive: true }));

const NAME = expect.objectContaining({ code: 'ADC_EXCHANGE_NAME' });
const FILE = expect.objectContaining({ code: 'ADC_EXCHANGE_FILE' });
const LIMIT = expect.objectContaining({ code: 'ADC_EXCHANGE_LIMIT' });

describe('paths', () => {
  test.each([
    '../a.png',
    'a/../../b.png',
    '/etc/passwd',
    'C:\\a.png',
    '\\\\server\\a.png',
    'c:a.png',
    '',
    '.',
    'a/..',
    'a/',
    'a\0.png',
    'a\nb.png',
    `${'x/'.repeat(600)}a.png`,
  ])('%j is refused', (path) => {
    expect(() => safePath(path, 'file.json')).toThrow(NAME);
  });

  test.each([
    ['a/./b//c.png', '', 'a/b/c.png'],
    ['..\\images\\a.png', 'labels', 'images/a.png'],
    ['a/../b.png', '', 'b.png'],
    ['..a/b...png', '', '..a/b...png'],
  ])('%j inside %j is %j', (path, base, safe) => {
    expect(safePath(path, 'file.json', base)).toBe(safe);
  });
});

describe('folders', () => {
  test('links that leave the folder are refused, those inside it are read', async () => {
    const folder = join(root, 'links');
    await mkdir(folder);
    await writeFile(join(root, 'secret.json'), '{}');
    await writeFile(join(folder, 'a.json'), '{}');
    await symlink('a.json', join(folder, 'b.json'));
    expect((await openSource(folder)).files).toEqual(['a.json', 'b.json']);
    await symlink('../secret.json', join(folder, 'c.json'));
    await expect(openSource(folder)).rejects.toThrow(NAME);
    await rm(join(folder, 'c.json'));
    await symlink('..', join(folder, 'up'));
    await expect(openSource(folder)).rejects.toThrow(NAME);
    await rm(join(folder, 'up'));
    await symlink('nowhere', join(folder, 'dead'));
    await expect(openSource(folder)).rejects.toThrow(NAME);
  });

  test('what is not there or no file is named', async () => {
    await expect(openSource(join(root, 'nothing'))).rejects.toMatchObject({ code: 'ADC_EXCHANGE_EMPTY' });
    await expect(openSource('/dev/null')).rejects.toMatchObject({ code: 'ADC_EXCHANGE_EMPTY' });
  });
});

describe('ZIP archives', () => {
  const coco = JSON.stringify({
    images: [{ id: 1, file_name: 'a.png', width: 2, height: 1 }],
    categories: [{ id: 1, name: 'dent' }],
    annotations: [{ image_id: 1, category_id: 1, bbox: [0, 0, 1, 1] }],
  });

  test('are read as the folders they hold', async () => {
    const path = join(root, 'good.zip');
    await writeFile(path, zipSync({ 'x/annotations/a.json': strToU8(coco), '__MACOSX/._a.json': strToU8('junk') }));
    const images = await all(EXCHANGE_FORMATS.coco.read(await openSource(path), { leftOut: () => undefined }));
    expect(essence(images)['a.png']?.layers).toEqual({ 'type dent': bitmapOf('#.') });
  });

  test.each(['../evil.json', '/evil.json', 'a/../../evil.json', 'C:/evil.json', '..\\evil.json'])(
    'with a file %j are refused',
    (name) => {
      expect(() => openZip(zipSync({ [name]: strToU8('{}') }), 'evil.zip')).toThrow(NAME);
    },
  );

  test('with links are refused', () => {
    const link = zipSync({ 'a.json': [strToU8('/etc/passwd'), { os: 3, attrs: (0o120777 << 16) >>> 0 }] });
    expect(() => openZip(link, 'link.zip')).toThrow(NAME);
  });

  test('bombs are refused by what their directory says, before anything is unpacked', () => {
    const bomb = zipSync({ 'a.json': new Uint8Array(64 * 2 ** 20) });
    expect(bomb.length).toBeLessThan(100_000);
    expect(() => openZip(bomb, 'bomb.zip')).toThrow(LIMIT);
  });

  test('bombs whose directory lies are stopped at the size it says', async () => {
    const bomb = zipSync({ 'a.json': new Uint8Array(64 * 2 ** 20) });
    const view = new DataView(bomb.buffer, bomb.byteOffset, bomb.byteLength);
    const directory = view.getUint32(bomb.length - 22 + 16, true);
    view.setUint32(directory + 24, 1000, true);
    const source = openZip(bomb, 'bomb.zip');
    const before = process.memoryUsage().arrayBuffers;
    await expect(source.read('a.json')).rejects.toThrow(FILE);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * 2 ** 20);
  });

  test('that are cut off or altered are refused', async () => {
    const whole = zipSync({ 'a.json': strToU8(coco.repeat(20)) });
    expect(() => openZip(whole.subarray(0, whole.length - 30), 'cut.zip')).toThrow(FILE);
    const altered = whole.slice();
    altered[60] ^= 255;
    await expect(openZip(altered, 'altered.zip').read('a.json')).rejects.toThrow(FILE);
    const twice = zipSync({ 'a.json': strToU8('1'), 'b.json': strToU8('2') });
    for (let i = 0; i < twice.length; i++) if (twice[i] === 0x62 && twice[i + 1] === 0x2e) twice[i] = 0x61;
    expect(() => openZip(twice, 'twice.zip')).toThrow(NAME);
  });
});

describe('texts made to exhaust the reader', () => {
  test('JSON that nests thousands deep', () => {
    const deep = strToU8('['.repeat(100_000));
    expect(() => parseJson(deep, 'deep.json', z.unknown())).toThrow(LIMIT);
    expect(parseJson(strToU8(JSON.stringify(['['.repeat(1000)])), 'text.json', z.unknown())).toHaveLength(1);
  });

  test('XML that nests deep, or with entities that multiply', () => {
    expect(() => parseXml('<a>'.repeat(100_000), 'deep.xml')).toThrow(LIMIT);
    const laughs = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>';
    expect(() => parseXml(laughs, 'laughs.xml')).toThrow(FILE);
    expect(() => parseXml('<a>&b;</a>', 'entity.xml')).toThrow(FILE);
  });

  test('XML that is broken names the line', () => {
    for (const broken of ['<a>\n<b></a>', '<a\n', '<a></a>\n<b/>', '<a x="1"\nx="2"/>', '\n</a>', '<a>\n<!-- </a>', ''])
      expect(() => parseXml(broken, 'broken.xml')).toThrow(/line \d/);
  });

  test('XML is read: attributes, entities, CDATA, comments', () => {
    const root = parseXml(
      '<?xml version="1.0"?>\n<!-- c --><a x=\'1 &lt; 2\'>t<b/>&#65;&#x42;<![CDATA[<&>]]></a>\n',
      'a.xml',
    );
    expect(root).toMatchObject({ name: 'a', text: 'tAB<&>', line: 2, children: [{ name: 'b' }] });
    expect(root.attributes.get('x')).toBe('1 < 2');
  });

  test('YAML whose aliases multiply', async () => {
    const bomb = `a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b]\n`;
    const source = openMemory(
      new Map([
        ['data.yaml', strToU8(bomb)],
        ['labels/a.txt', strToU8('0 0 0 1 0 1 1\n')],
      ]),
    );
    await expect(all(EXCHANGE_FORMATS.yolo.read(source, { leftOut: () => undefined }))).rejects.toThrow(FILE);
  });

  test('JSON of nothing but empty lists, which are many times larger in memory', () => {
    const lists = strToU8(`[${'[],'.repeat(4_000_001)}1]`);
    expect(() => parseJson(lists, 'lists.json', z.unknown())).toThrow(LIMIT);
  });

  test('many types on a huge image', () => {
    const painter = new Painter(10_000, 9_000, { file: 'a.json', field: 'images[0]' });
    expect(() => {
      for (let i = 0; i < 20; i++) painter.bitmap(`type ${i}`);
    }).toThrow(LIMIT);
  });

  test('images of absurd sizes', async () => {
    const content = {
      images: [{ id: 1, file_name: 'a.png', width: 99_999, height: 99_999 }],
      categories: [{ id: 1, name: 'x' }],
      annotations: [{ image_id: 1, category_id: 1, bbox: [0, 0, 1, 1] }],
    };
    const source = openMemory(new Map([['a.json', strToU8(JSON.stringify(content))]]));
    const leftOut: LeftOut[] = [];
    expect(await all(EXCHANGE_FORMATS.coco.read(source, { leftOut: (entry) => void leftOut.push(entry) }))).toEqual([]);
    expect(leftOut).toEqual([{ path: 'a.png', reason: 'images[0] is 99999 x 99999 pixels' }]);
  });
});
