/** Small folders of pictures, for readers of datasets. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writePng } from '../src/image/codec.ts';

/** Writers into a folder, by ways below it; missing folders are made. */
export function folderOf(root: string) {
  const inside = async (way: string): Promise<string> => {
    const file = join(root, way);
    await mkdir(dirname(file), { recursive: true });
    return file;
  };
  return {
    /** A 4 x 3 grey PNG, whatever it is called, blank or with the given value at these pixels. */
    png: async (way: string, value = 0, pixels: readonly number[] = [5]): Promise<void> => {
      const data = new Uint8Array(12);
      for (const pixel of pixels) data[pixel] = value;
      await writePng(await inside(way), { data, width: 4, height: 3, channels: 1 });
    },
    text: async (way: string, content: string): Promise<void> => writeFile(await inside(way), content),
  };
}
