/** Pictures for the page: thumbnails kept on disk, whole pictures made on the way, good neighbours and heat maps. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Windows } from '@adclick/core';
import { writeFileAtomic } from '@adclick/core/files';
import { isDeep } from '@adclick/core/image';
import { Once } from '@adclick/ortgrad';
import { CACHE_FOLDER } from '../cache-folder.ts';
import type { Engine } from '../engine/engine.ts';
import { windowsOf } from '../engine/indexing.ts';
import type { EncodedPicture, PictureFile } from '../engine/protocol.ts';
import { fail } from '../errors.ts';
import { passOverIfThere } from '../log.ts';
import { categoriesOf } from '../project/categories.ts';
import { allowedFolders } from '../project/category-pictures.ts';
import type { Project } from '../project/project.ts';
import { realPathInside } from '../project/scan.ts';
import type { ImageRecord } from '../store/images.ts';
import type { Preparation } from './preparation.ts';

export interface PictureOptions {
  readonly size: 'thumbnail' | 'full';
  /** Grey values that become black and white, of 65535: from the black to the white that the models see. */
  readonly low?: number;
  readonly high?: number;
}

/** A picture with a name for its content, so that browsers keep it. */
export interface ServedPicture extends EncodedPicture {
  readonly tag: string;
}

export class Pictures {
  private readonly allowed = new Once(() => allowedFolders(this.project));

  constructor(
    private readonly project: Project,
    private readonly engine: Engine,
    private readonly preparation: Preparation,
  ) {}

  /** An image of the queue. @throws ADC_OUTSIDE when a link leads out of the project, ADC_IMAGE_…. */
  async image(image: ImageRecord, options: PictureOptions): Promise<ServedPicture> {
    const { path, bytes, modified } = this.preparation.picture(image);
    return this.serve({ path, bytes, modified }, image.category, options);
  }

  /** The n-th nearest good picture of an image. @throws ADC_NOT_FOUND when there is none. */
  async nearest(image: ImageRecord, n: number, options: PictureOptions): Promise<ServedPicture> {
    const prepared = await this.preparation.prepare(image, true);
    const path = prepared.neighbours[n]?.path;
    if (!path) throw fail('ADC_NOT_FOUND', { what: `good picture ${n} near image ${image.id}` });
    return this.serve({ path, bytes: 0, modified: 0 }, image.category, options);
  }

  /** Where an image differs from good ones: grey PNG of the model's grid, 32 levels a unit. */
  async heat(image: ImageRecord): Promise<ServedPicture> {
    const { key } = await this.preparation.prepare(image, true);
    const bytes = await readFile(this.preparation.heatPath(key)).catch((error) => {
      throw fail('ADC_NOT_FOUND', { what: `heat map of image ${image.id}` }, error);
    });
    return { bytes, type: 'image/png', tag: key.replace('/', '-') };
  }

  private async serve(picture: PictureFile, category: string, options: PictureOptions): Promise<ServedPicture> {
    const real = await realPathInside(picture.path, await this.allowed.get());
    if (!real) {
      const gone = await readFile(picture.path).then(
        () => false,
        (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
      );
      throw gone ? fail('ADC_IMAGE_MISSING', { path: picture.path }) : fail('ADC_OUTSIDE', { path: picture.path });
    }
    const { size, low, high } = options;
    const known = categoriesOf(this.project).find(({ name }) => name === category);
    const index = known ? await windowsOf(this.project, known) : { indexed: false };
    const windows = index.indexed ? index.windows : 'own';
    const through = windows !== 'own' && isDeep(windows) ? [windows] : [];
    const key = JSON.stringify([picture, size, low ?? null, high ?? null, ...through]);
    const tag = createHash('sha256').update(key).digest('hex').slice(0, 32);
    const own = low === undefined && high === undefined;
    if (size === 'thumbnail' && own) {
      const path = join(this.project.root, CACHE_FOLDER, 'thumbnails', `${tag}.jpg`);
      // Where none is kept, one is made.
      const stored = await readFile(path).catch(passOverIfThere('thumbnail not read', { path }));
      if (stored) return { bytes: stored, type: 'image/jpeg', tag };
      const made = await this.encode({ ...picture, path: real }, windows, options);
      // What is shown through a window of its own looks otherwise once the good pictures are known.
      if (made.provisional) return { ...made, tag: `${tag}-own` };
      await writeFileAtomic(path, made.bytes);
      return { ...made, tag };
    }
    // Browsers show these as they are, upright by themselves, and a file costs less than a new encoding.
    if (own && ['.jpg', '.jpeg'].includes(extname(real).toLowerCase())) {
      const bytes = await readFile(real);
      if (bytes[0] === 0xff && bytes[1] === 0xd8) return { bytes, type: 'image/jpeg', tag };
    }
    const made = await this.encode({ ...picture, path: real }, windows, options);
    return { ...made, tag: made.provisional ? `${tag}-own` : tag };
  }

  private encode(
    picture: PictureFile,
    windows: Windows | 'own' | undefined,
    { size, low, high }: PictureOptions,
  ): Promise<EncodedPicture> {
    return this.engine.call('picture', {
      picture,
      size,
      ...(windows === undefined ? {} : { windows }),
      ...(low === undefined ? {} : { low }),
      ...(high === undefined ? {} : { high }),
    });
  }
}
