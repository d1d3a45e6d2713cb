import { posix, win32 } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commonFolder, fromStored, isInside, nameKey, pathKey, toStored, withSlashes } from './paths.ts';

describe('a file in the records of a folder', () => {
  test.each([
    ['on Linux', posix, '/data/project', '/data/project/test/a.png', 'test/a.png'],
    ['a backslash in a name on Linux', posix, '/p', '/p/a\\b.png', 'a\\b.png'],
    ['on Windows', win32, 'C:\\data\\project', 'C:\\data\\project\\test\\a.png', 'test/a.png'],
    ['with slashes of both kinds', win32, 'C:/data\\project/', 'C:\\data/project\\test/a.png', 'test/a.png'],
    ['with a drive in another case', win32, 'c:\\Data\\Project', 'C:\\data\\project\\test\\a.png', 'test/a.png'],
    ['beside the folder', win32, 'C:\\data\\project', 'C:\\data\\pictures\\a.png', '../pictures/a.png'],
    ['on another drive', win32, 'C:\\data\\project', 'D:\\pictures\\a.png', 'D:/pictures/a.png'],
    ['on a share', win32, '\\\\server\\share\\project', '\\\\server\\share\\pictures\\a.png', '../pictures/a.png'],
    ['on another share', win32, '\\\\server\\one\\project', '\\\\server\\two\\a.png', '//server/two/a.png'],
    ['on a share, seen from a drive', win32, 'C:\\project', '\\\\server\\share\\a.png', '//server/share/a.png'],
  ])('%s', (_, system, folder, file, stored) => {
    expect(toStored(folder, file, system)).toBe(stored);
    expect(pathKey(fromStored(folder, stored, system), system)).toBe(pathKey(file, system));
  });

  test('a path of more than 260 characters comes back whole', () => {
    const deep = Array.from({ length: 40 }, (_, i) => `folder-${i}`).join('\\');
    const file = `C:\\project\\${deep}\\a.png`;
    expect(file.length).toBeGreaterThan(260);
    expect(fromStored('C:\\project', toStored('C:\\project', file, win32), win32)).toBe(file);
  });

  test('what Windows wrote is read elsewhere', () => {
    const stored = toStored('C:\\index\\0123', 'C:\\train\\good\\a.png', win32);
    expect(fromStored('/home/index/0123', stored, posix)).toBe('/home/train/good/a.png');
  });
});

describe('a path lies in a folder', () => {
  test.each([
    [posix, '/p', '/p', true],
    [posix, '/p', '/p/..a/b', true],
    [posix, '/p', '/pq', false],
    [posix, '/P', '/p/a', false],
    [posix, '/p/q', '/p', false],
    [posix, '/', '/p', true],
    [win32, 'C:\\p', 'c:\\P\\A.png', true],
    [win32, 'C:\\p', 'C:/p/a/../b', true],
    [win32, 'C:\\p', 'C:\\p\\..a', true],
    [win32, 'C:\\p', 'C:\\pq', false],
    [win32, 'C:\\p', 'D:\\p\\a', false],
    [win32, 'C:\\', 'C:\\p', true],
    [win32, '\\\\server\\share', '\\\\server\\share\\a', true],
    [win32, '\\\\server\\share', '\\\\server\\other\\a', false],
    [win32, '\\\\server\\share', 'C:\\share\\a', false],
  ])('%#', (system, folder, path, expected) => {
    expect(isInside(folder, path, system)).toBe(expected);
  });
});

describe('the folder that files have in common', () => {
  test.each([
    [posix, ['/a/b/c.png', '/a/b/d/e.png'], '/a/b'],
    [posix, ['/a/bc/x.png', '/a/b/x.png'], '/a'],
    [posix, ['/x.png', '/a/b.png'], '/'],
    [win32, ['C:\\a\\b\\c.png', 'c:\\A\\d.png'], 'C:\\a'],
    [win32, ['C:\\a\\c.png', 'D:\\a\\d.png'], undefined],
    [win32, ['\\\\server\\share\\a\\c.png', '\\\\server\\share\\b\\d.png'], '\\\\server\\share\\'],
    [win32, ['\\\\server\\share\\c.png', '\\\\server\\other\\d.png'], undefined],
  ])('%#', (system, files, expected) => {
    expect(commonFolder(files, system)).toBe(expected);
  });
});

test('keys do not mind the Unicode form; those of paths on Windows do not mind the case', () => {
  const [composed, decomposed] = ['Stu\u0308ck', 'St\u00fcck'];
  expect(nameKey(composed)).toBe(nameKey(decomposed));
  expect(nameKey('a')).not.toBe(nameKey('A'));
  expect(pathKey(`C:\\${composed}\\A.png`, win32)).toBe(pathKey(`c:/${decomposed}/a.PNG`, win32));
  expect(pathKey(`/${composed}`, posix)).toBe(pathKey(`/${decomposed}`, posix));
  expect(pathKey('/A', posix)).not.toBe(pathKey('/a', posix));
});

test('only separators become slashes', () => {
  expect(withSlashes('a\\b/c', win32)).toBe('a/b/c');
  expect(withSlashes('a\\b/c', posix)).toBe('a\\b/c');
});
