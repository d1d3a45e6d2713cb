import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/sample.ts';
import { verifyModels } from './model-files.ts';

test('a file that cannot be read is told from one that is missing', async () => {
  const folder = await temporaryFolder();
  expect(await verifyModels(folder)).toMatchObject([{ file: 'checksums.json', what: 'is missing' }]);
  const one = { bytes: 4, sha256: '' };
  await writeFile(join(folder, 'checksums.json'), JSON.stringify({ 'gone.onnx': one, 'folder.onnx': one }));
  await mkdir(join(folder, 'folder.onnx'));
  expect((await verifyModels(folder)).map(({ file, ok, what }) => [file, ok, what])).toEqual([
    ['gone.onnx', false, 'is missing'],
    ['folder.onnx', false, 'cannot be read: it is a folder (EISDIR)'],
  ]);
});
