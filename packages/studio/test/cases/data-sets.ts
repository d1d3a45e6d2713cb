/** Small data sets of every layout, made of a list of paths. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { encodeJpeg, encodePng } from '@adclick/core/image';
import { Random } from '@adclick/core/synthesis';

export const SIZE = { width: 64, height: 48 };
const SQUARE = { from: 12, to: 24 };

const inSquare = (i: number) => {
  const [x, y] = [i % SIZE.width, Math.floor(i / SIZE.width)];
  return x >= SQUARE.from && x < SQUARE.to && y >= SQUARE.from && y < SQUARE.to;
};

/** A rough grey part; a defect is a bright square. */
export function picture(seed: string, defect = false) {
  const random = new Random(seed);
  const { width, height } = SIZE;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++)
    data.fill(defect && inSquare(i) ? 230 : 90 + Math.floor(random.next() * 40), 3 * i, 3 * i + 3);
  return { data, width, height, channels: 3 as const };
}

/** A mask of that square, or an empty one. */
export function mask(marked: boolean) {
  const { width, height } = SIZE;
  const data = Uint8Array.from({ length: width * height }, (_, i) => (marked && inSquare(i) ? 255 : 0));
  return { data, width, height, channels: 1 as const };
}

const ENCODED: Readonly<Record<string, (path: string) => Promise<Uint8Array> | Uint8Array>> = {
  good: (path) => encode(path, picture(path)),
  bad: (path) => encode(path, picture(path, true)),
  mask: () => encodePng(mask(true)),
  black: () => encodePng(mask(false)),
  empty: () => new Uint8Array(0),
  text: () => new TextEncoder().encode('no picture'),
};

const encode = (path: string, pixels: ReturnType<typeof picture>) =>
  /^\.jpe?g$/i.test(extname(path)) ? encodeJpeg(pixels) : encodePng(pixels);

/**
 * Writes files below a folder. Pictures are told apart by content, so a mask called `.bmp` may be a PNG.
 * @param files what each holds, one of `good`, `bad`, `mask`, `black`, `empty`, `text`. `a/{0..3}.png` stands for four files.
 */
export async function writeFiles(
  root: string,
  files: Readonly<Record<string, keyof typeof ENCODED | string>>,
): Promise<string> {
  for (const [pattern, what] of Object.entries(files)) {
    const range = /^(.*)\{(\d+)\.\.(\d+)\}(.*)$/.exec(pattern);
    const paths = range
      ? Array.from(
          { length: Number(range[3]) - Number(range[2]) + 1 },
          (_, i) => `${range[1]}${Number(range[2]) + i}${range[4]}`,
        )
      : [pattern];
    for (const path of paths) {
      const file = join(root, path);
      await mkdir(dirname(file), { recursive: true });
      const content = ENCODED[what];
      await writeFile(file, content ? await content(`${basename(root)}/${path}`) : what);
    }
  }
  return root;
}
