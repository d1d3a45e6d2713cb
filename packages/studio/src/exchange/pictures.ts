/** Pictures that lie with the labels: found in either Unicode form, for formats that leave a picture's size or ending to them. */
import { IMAGE_EXTENSIONS, nameKey } from '@adclick/core/files';
import { imageSize } from '@adclick/core/image';
import { withoutEnding } from '../path-parts.ts';
import type { KnownPicture, ReadOptions } from './format.ts';
import { filesEnding, type Source } from './source.ts';

/** Files that may hold a mask in a kind that is not read. */
export const isUnreadKind = (name: string): boolean =>
  /\.(gif|p[bgpn]m|jp2|heic|avif|exr|tga|psd|svg|np[yz]|mat|dcm|nii|gz)$/i.test(name);

/** Why such a file is left out. */
export const UNREAD_KIND = 'files of this kind are not read; save it as PNG';

/** The pictures of a source, and those of the project behind them. */
export class Pictures {
  private readonly byPath = new Map<string, string>();
  private readonly byStem = new Map<string, string[]>();

  constructor(
    private readonly source: Source,
    private readonly inProject: ReadOptions['inProject'],
  ) {
    for (const name of filesEnding(source, ...IMAGE_EXTENSIONS)) {
      this.byPath.set(nameKey(name), name);
      const stem = nameKey(withoutEnding(name));
      const list = this.byStem.get(stem);
      if (list) list.push(name);
      else this.byStem.set(stem, [name]);
    }
  }

  /** The files whose path without ending is as given. */
  ofStem(stem: string): readonly string[] {
    return this.byStem.get(nameKey(stem)) ?? [];
  }

  /** Size of a picture file, upright. @throws what reading it throws. */
  async sizeOf(name: string): Promise<Pick<KnownPicture, 'width' | 'height'>> {
    return imageSize(await this.source.read(name), this.source.display(name));
  }

  /** Size of the picture that a path in the files means: of the file there, else of the project's picture; 0 when there is neither. */
  async sizeAt(path: string): Promise<Pick<KnownPicture, 'width' | 'height'>> {
    const file = this.byPath.get(nameKey(path));
    if (file !== undefined) return this.sizeOf(file);
    return this.inProject?.(path) ?? { width: 0, height: 0 };
  }
}
