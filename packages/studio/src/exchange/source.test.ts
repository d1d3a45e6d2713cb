/** What must not get in: paths and links that leave the folder, archives that fill the disk, files made to exhaust the reader. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { all, bitmapOf, essence } from '../../test/labels.ts';
import { EXCHANGE_FORMATS } from './formats.ts';
import { parseJson } from './json.ts';
import { Painter } from './painter.ts';
import { pictureName, safePath } from './paths.ts';
import { openMemory, openSource, openZip } from './source.ts';
import type { LeftOut } from './types.ts';
import { parseXml, readXml } from './xml.ts';

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

  test.each([
    ['D:\\data\\bad\\b0.png', 'labels', 'data/bad/b0.png'],
    ['/home/ada/bad/b0.png', 'labels', 'home/ada/bad/b0.png'],
    ['\\\\server\\share\\b0.png', '', 'server/share/b0.png'],
    ['c:b0.png', '', 'b0.png'],
    ['file:///C:/parts/b0.png', '', 'parts/b0.png'],
    ['..\\images\\b0.png', 'labels', 'images/b0.png'],
    ['../../../etc/passwd', 'labels', 'etc/passwd'],
    ['./b0.png', '', 'b0.png'],
  ])('the picture %j of a file in %j is looked for as %j', (path, base, name) => {
    expect(pictureName(path, 'file.json', base)).toBe(name);
  });

  test.each(['', '..', 'C:\\', 'a\nb.png', `${'x/'.repeat(600)}a.png`])('%j names no picture', (path) => {
    expect(() => pictureName(path, 'file.json')).toThrow(NAME);
  });
});

describe('folders', () => {
  test('links that leave the folder are left out one by one, those inside it are read', async () => {
    const folder = join(root, 'links');
    await mkdir(folder);
    await writeFile(join(root, 'secret.json'), '{}');
    await symlink('../secret.json', join(folder, 'c.json'));
    await expect(openSource(folder), 'nothing else is there').rejects.toThrow(NAME);
    await writeFile(join(folder, 'a.json'), '{}');
    await symlink('a.json', join(folder, 'b.json'));
    await symlink('..', join(folder, 'up'));
    await symlink('nowhere', join(folder, 'dead'));
    const source = await openSource(folder);
    expect(source.files).toEqual(['a.json', 'b.json']);
    expect([...(source.leftOut ?? [])].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: 'c.json', reason: 'it is a link that leaves the folder' },
      { path: 'dead', reason: 'it is a link that leads nowhere' },
      { path: 'up', reason: 'it is a link that leaves the folder' },
    ]);
  });

  test('what is not there or no file is named', async () => {
    for (const path of [join(root, 'nothing'), join(root, 'nothing', 'task.zip')])
      await expect(openSource(path)).rejects.toMatchObject({
        code: 'ADC_EXCHANGE_EMPTY',
        details: { what: 'there is no such file or folder' },
      });
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

  test('what is dangerous in them is left out one by one, and the rest is read', async () => {
    const link = { os: 3, attrs: (0o120777 << 16) >>> 0 };
    const archive = zipSync({
      'a.json': strToU8('1'),
      '../evil.json': strToU8('2'),
      'C:/evil.json': strToU8('3'),
      'b\\c.json': strToU8('4'),
      'link.json': [strToU8('/etc/passwd'), link],
      '__MACOSX/._a.json': strToU8('5'),
    });
    const source = openZip(archive, 'x.zip');
    expect(source.files).toEqual(['a.json', 'b/c.json']);
    expect(source.leftOut).toEqual([
      { path: '../evil.json', reason: 'it leaves its folder' },
      { path: 'C:/evil.json', reason: 'it is an absolute path' },
      { path: 'link.json', reason: 'it is a symbolic link' },
    ]);
    expect(await source.read('b/c.json')).toEqual(strToU8('4'));
  });

  /** An archive of stored files whose names are bytes, as tools in other languages write them. */
  function archiveOf(files: readonly { name: Uint8Array; flags?: number; extra?: Uint8Array; content: string }[]) {
    const parts: Buffer[] = [];
    const directory: Buffer[] = [];
    let at = 0;
    for (const { name, flags = 0, extra = new Uint8Array(), content } of files) {
      const head = Buffer.alloc(46);
      head.writeUInt32LE(0x02014b50);
      head.writeUInt16LE(flags, 8);
      head.writeUInt32LE(crc32(content), 16);
      head.writeUInt32LE(content.length, 20);
      head.writeUInt32LE(content.length, 24);
      head.writeUInt16LE(name.length, 28);
      head.writeUInt16LE(extra.length, 30);
      head.writeUInt32LE(at, 42);
      directory.push(head, Buffer.from(name), Buffer.from(extra));
      const local = Buffer.alloc(30);
      local.writeUInt32LE(0x04034b50);
      local.writeUInt16LE(name.length, 26);
      parts.push(local, Buffer.from(name), Buffer.from(content));
      at += 30 + name.length + content.length;
    }
    const body = Buffer.concat(directory);
    return { parts: Buffer.concat(parts), directory: body, count: files.length };
  }

  function ended({ parts, directory, count }: ReturnType<typeof archiveOf>): Uint8Array {
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50);
    end.writeUInt16LE(count, 10);
    end.writeUInt32LE(directory.length, 12);
    end.writeUInt32LE(parts.length, 16);
    return Buffer.concat([parts, directory, end]);
  }

  test('names come in UTF-8 with and without the flag, by the Unicode field, and in code page 437', async () => {
    const shiftJis = Uint8Array.of(0x91, 0xe0, 0x2e, 0x74, 0x78, 0x74);
    const field = (name: Uint8Array, text: string) => {
      const body = Buffer.concat([Buffer.from([1]), Buffer.alloc(4), Buffer.from(text)]);
      body.writeUInt32LE(crc32(name), 1);
      const head = Buffer.alloc(4);
      head.writeUInt16LE(0x7075);
      head.writeUInt16LE(body.length, 2);
      return Buffer.concat([head, body]);
    };
    const other = Uint8Array.of(0x81, 0x40, 0x2e, 0x74, 0x78, 0x74);
    const archive = archiveOf([
      { name: strToU8('größe.txt'), flags: 0x800, content: 'flag' },
      { name: strToU8('螺丝.txt'), content: 'no flag' },
      { name: shiftJis, extra: field(shiftJis, '大.txt'), content: 'field' },
      { name: Uint8Array.of(0x64, 0x81, 0x72, 0x2e, 0x74, 0x78, 0x74), content: 'code page' },
      { name: other, extra: field(strToU8('renamed since'), '小.txt'), content: 'field of another name' },
    ]);
    const source = openZip(ended(archive), 'names.zip');
    const found = await Promise.all(
      source.files.map(async (name) => [name, new TextDecoder().decode(await source.read(name))]),
    );
    expect(Object.fromEntries(found)).toEqual({
      'größe.txt': 'flag',
      '螺丝.txt': 'no flag',
      '大.txt': 'field',
      'dür.txt': 'code page',
      'ü@.txt': 'field of another name',
    });
  });

  test('ZIP64 is read: the end and the sizes of entries in their larger form', async () => {
    const large = Buffer.alloc(4 + 16);
    large.writeUInt16LE(0x0001);
    large.writeUInt16LE(16, 2);
    large.writeBigUInt64LE(5n, 4);
    large.writeBigUInt64LE(5n, 12);
    const { parts, directory, count } = archiveOf([{ name: strToU8('a.txt'), extra: large, content: 'whole' }]);
    directory.writeUInt32LE(0xffffffff, 20);
    directory.writeUInt32LE(0xffffffff, 24);
    const end64 = Buffer.alloc(56);
    end64.writeUInt32LE(0x06064b50);
    end64.writeBigUInt64LE(44n, 4);
    end64.writeBigUInt64LE(BigInt(count), 24);
    end64.writeBigUInt64LE(BigInt(count), 32);
    end64.writeBigUInt64LE(BigInt(directory.length), 40);
    end64.writeBigUInt64LE(BigInt(parts.length), 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50);
    locator.writeBigUInt64LE(BigInt(parts.length + directory.length), 8);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50);
    end.writeUInt16LE(0xffff, 10);
    end.writeUInt32LE(0xffffffff, 12);
    end.writeUInt32LE(0xffffffff, 16);
    const source = openZip(Buffer.concat([parts, directory, end64, locator, end]), 'large.zip');
    expect(new TextDecoder().decode(await source.read('a.txt'))).toBe('whole');
    end64.writeBigUInt64LE(2n ** 40n, 48);
    const astray = Buffer.concat([parts, directory, end64, locator, end]);
    expect(() => openZip(astray, 'astray.zip')).toThrow(FILE);
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

  test('XML comes in the encoding that it declares', () => {
    const text = (encoding: string) => `<?xml version="1.0" encoding="${encoding}"?>\r\n<a x="Größe"/>`;
    const wide = Buffer.from(text('UTF-16'), 'utf16le');
    for (const [name, bytes] of Object.entries({
      'UTF-8 with a mark': Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text('utf-8'))]),
      'UTF-16 with a mark': Buffer.concat([Buffer.from([0xff, 0xfe]), wide]),
      'UTF-16, the other order': Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(wide).swap16()]),
      'UTF-16 without a mark': wide,
      'said to be UTF-16, but is not': Buffer.from(text('utf-16')),
      'Latin-1': Buffer.from(text('ISO-8859-1'), 'latin1'),
      'Windows-1252': Buffer.from(text('windows-1252'), 'latin1'),
      'nothing said': Buffer.from('<a x="Größe"/>'),
    }))
      expect(readXml(bytes, 'a.xml').attributes.get('x'), name).toBe('Größe');
    const chinese = [...Buffer.from('<?xml version="1.0" encoding="GB2312"?><a x="'), 0xc2, 0xdd, 0xcb, 0xbf];
    expect(readXml(Uint8Array.from([...chinese, 0x22, 0x2f, 0x3e]), 'a.xml').attributes.get('x')).toBe('螺丝');
    expect(() => readXml(Buffer.from(text('utf-8'), 'latin1'), 'a.xml')).toThrow(FILE);
    expect(() => readXml(Buffer.from(text('x-none')), 'a.xml')).toThrow(FILE);
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
