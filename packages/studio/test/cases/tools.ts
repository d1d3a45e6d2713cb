/** Samples of files as labelling tools write them: importing them into a new project, and what they hold. */
import { encodePng } from '@adclick/core/image';
import type { Format } from '../../src/api.ts';
import type { LeftOut } from '../../src/exchange/types.ts';
import { type Area, importFiles, labelsOf, makeProject, SIZE } from './kit.ts';

/** Pictures of the projects that samples are imported into. */
export const PICTURES = ['test/bad/b0.png', 'test/bad/b1.png', 'test/bad/b2.png'];
export const { width: W, height: H } = SIZE;

export type Content = string | object | Uint8Array;

export const bytesOf = (content: Content): Uint8Array =>
  content instanceof Uint8Array
    ? content
    : new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));

/** Imports files into a new project. @returns what is known of its pictures afterwards, by their last name, and what was left out. */
export async function imported(format: Format, files: Record<string, Content>, pictures: readonly string[] = PICTURES) {
  const root = await makeProject(pictures);
  const { leftOut } = await importFiles(
    root,
    format,
    new Map(Object.entries(files).map(([name, content]) => [name, bytesOf(content)])),
  );
  const labels = await labelsOf(root);
  const known = pictures.map((path) => [path.replace('test/bad/', ''), labels[path]] as const);
  const marked = Object.fromEntries(known.filter(([, said]) => said !== 'todo'));
  return { marked, leftOut };
}

export const reasons = (leftOut: readonly LeftOut[]) => leftOut.map(({ path, reason }) => `${path}: ${reason}`);

export const cornersOf = ([x, y, w, h]: Area) => [
  [x, y],
  [x + w, y],
  [x + w, y + h],
  [x, y + h],
];

/** A picture of the project's size, for formats that take sizes from pictures. */
export const picture = () => encodePng({ data: new Uint8Array(W * H), width: W, height: H, channels: 1 });

export const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
