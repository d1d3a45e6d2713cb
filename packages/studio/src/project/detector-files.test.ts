import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/sample.ts';
import { detectorFolder, previousDetector, swapTrained, trainedDetector } from './detector-files.ts';

/** A category's folder with files of these contents, by name. */
async function withFiles(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await temporaryFolder();
  const folder = detectorFolder(root, 'part');
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return root;
}

const contents = async (root: string) => [
  await readFile(trainedDetector(root, 'part'), 'utf8'),
  await readFile(previousDetector(root, 'part'), 'utf8'),
];

test('newest and previous change places, also where an exchange was cut off at any step', async () => {
  const whole = await withFiles({ 'detector.onnx': 'b', 'previous.onnx': 'a' });
  expect(await swapTrained(whole, 'part')).toBe(true);
  expect(await contents(whole)).toEqual(['a', 'b']);
  // Before the first rename nothing has happened yet; after it, the one that lies aside is the one before.
  const begun = await withFiles({ 'detector.onnx': 'b', 'previous.onnx': 'a', '.newest.tmp': 'b' });
  expect(await swapTrained(begun, 'part')).toBe(true);
  expect(await contents(begun)).toEqual(['a', 'b']);
  const half = await withFiles({ 'detector.onnx': 'a', '.newest.tmp': 'b' });
  expect(await swapTrained(half, 'part')).toBe(true);
  expect(await contents(half)).toEqual(['b', 'a']);
  expect((await readdir(detectorFolder(half, 'part'))).sort()).toEqual(['detector.onnx', 'previous.onnx']);
});
