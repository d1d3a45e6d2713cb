/** Where a project's labels are kept: in its database once it has one; mask files speak for pictures that are not labelled there, the good ones. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromStored } from '@adclick/core/files';
import type { Rle } from '@adclick/core/geometry';
import { readImageSize } from '@adclick/core/image';
import { CodedError } from '@adclick/ortgrad';
import { type ImageState, LOST_NAME } from '../api.ts';
import { fail } from '../errors.ts';
import type { LabelStore, MaskFolderStore, Picture } from '../exchange/label-store.ts';
import type { LabelledImage, LeftOut, Replaced } from '../exchange/types.ts';
import { isEmptyRle, uniteRle } from '../history/bitmaps.ts';
import type { Bus } from '../jobs/bus.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { passOver } from '../log.ts';
import type { Project } from '../project/project.ts';
import type { LostImage } from '../store/images.ts';
import type { LabelledRow } from '../store/labels.ts';
import type { Store } from '../store/store.ts';
import { hasContent, parseContent } from './content.ts';
import { type LabelService, StaleWrite } from './label-service.ts';

/** Times that an image is written because somebody else wrote it at that moment. */
const ATTEMPTS = 20;
/** Milliseconds before the second attempt; each waits longer by as much. */
const PAUSE_MS = 20;

/** The labels in a project's database, as plain data: given out for exporters and training, replaced by importers. */
export class LabelArchive {
  constructor(
    readonly project: Project,
    readonly store: Store,
    readonly labels: LabelService,
    private readonly bus: Bus,
  ) {}

  /** Labelled images for exporters, one at a time. @param category only this one. */
  labelled(category?: string): AsyncGenerator<LabelledRow> {
    return this.store.labels.labelled(this.project.settings.thresholds.mask, category);
  }

  /**
   * Replaces an image's mask as one event, as importers do; types that are new are added.
   * @param path relative to the project, with forward slashes. @param source names the format in the history.
   * @param only whether types that are not given stay as they are. @param signal ends the waiting for others.
   * @returns whether another mask was there before.
   * @throws ADC_NOT_FOUND when the project has no such image, ADC_EXCHANGE_NAME for a type of a name that none can have,
   *   ADC_DATABASE_BUSY, ADC_IN_USE.
   */
  async replace(
    path: string,
    layers: readonly { readonly type: string; readonly rle: Rle }[],
    state: ImageState,
    source: string,
    user: string,
    { only = false, signal }: { readonly only?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<boolean> {
    const image = await this.store.images.findByPath(path);
    if (!image) throw fail('ADC_NOT_FOUND', { what: `image ${path}` });
    if (layers.some(({ type }) => type === LOST_NAME))
      throw fail('ADC_EXCHANGE_NAME', { name: LOST_NAME, path, what: 'a defect type cannot be called so' });
    const types = await this.store.types.ensure(layers.map(({ type }) => type));
    const byName = new Map(types.map(({ id, name }) => [name, id]));
    const replaced = new Map<number, Rle>();
    for (const { type, rle } of layers) {
      const id = byName.get(type) as number;
      const before = replaced.get(id);
      const joined = before ? uniteRle(before, rle) : rle;
      if (!isEmptyRle(joined)) replaced.set(id, joined);
    }
    const done = await this.patiently(path, signal, () =>
      this.labels.replaceLayers(image.id, replaced, state, source, user, { only, signal }),
    );
    this.bus.emit({ kind: 'types', types: await this.store.types.list() });
    return done.replaced;
  }

  /** Writes an image whoever else writes it: what somebody did at the same moment stands before it in the history. */
  private async patiently<T>(path: string, signal: AbortSignal | undefined, write: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await write();
      } catch (error) {
        const passing =
          error instanceof StaleWrite || (error instanceof CodedError && error.code === 'ADC_DATABASE_BUSY');
        if (!passing) throw error;
        if (attempt === ATTEMPTS)
          throw error instanceof CodedError
            ? error
            : fail('ADC_IN_USE', { what: path, owner: 'an annotator who acts on it without a pause' });
      }
      // Ended early it throws an error of its own.
      await sleep(PAUSE_MS * attempt, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}

/** The labels of a project with a database, as exchange needs them. */
export class DatabaseLabels implements LabelStore {
  constructor(
    private readonly archive: LabelArchive,
    private readonly files: MaskFolderStore,
    /** Who stands in the history. */
    private readonly user: string,
    /** What an import came from, for the history. */
    private readonly source: string,
  ) {}

  async *images(): AsyncIterable<LabelledImage> {
    const seen = new Set<string>();
    const { root } = this.archive.project;
    for await (const { path, category, width, height, state, content, layers } of this.archive.labelled()) {
      seen.add(path);
      const labelled = parseContent(content);
      const changed = labelled !== undefined && !(await hasContent(fromStored(root, path), labelled));
      const maskFiles = state === 'todo' && layers.length === 0 && (await this.files.isDefective(path));
      yield { path, category, width, height, state: state as LabelledImage['state'], layers, changed, maskFiles };
    }
    for await (const picture of this.files.pictures())
      if (!seen.has(picture.path) && picture.unreadable === undefined) yield this.files.labelled(picture);
  }

  pictures(): AsyncIterable<Picture> {
    return this.files.pictures();
  }

  async unmatched(): Promise<readonly LeftOut[]> {
    const lost: LeftOut[] = [];
    for (const image of await this.archive.store.images.lost())
      lost.push({ path: image.path, reason: await this.whereabouts(image) });
    return [...(await this.files.unmatched()), ...lost];
  }

  /** What has become of the picture of a label, and how the label counts again. */
  private async whereabouts({ path, width, height, content }: LostImage): Promise<string> {
    const { root } = this.archive.project;
    const known = `its label is for ${width} x ${height} pixels; put the picture from before back, and it counts again`;
    if (existsSync(fromStored(root, path))) {
      const size = await readImageSize(fromStored(root, path)).catch(passOver('picture not read', { path }));
      if (size === undefined)
        return `its picture cannot be read any more; put a sound copy there, and its label counts again`;
      if (size.width !== width || size.height !== height)
        return `its picture is ${size.width} x ${size.height} now, but ${known}`;
      return 'its folder is none of those that the project names any more; name it again, and its label counts again';
    }
    const labelled = parseContent(content);
    for (const other of labelled?.hash == null ? [] : this.files.paths())
      if (labelled && (await hasContent(fromStored(root, other), { ...labelled, modified: Number.NaN })))
        return `its picture is at ${other} now: put it back under the name from before, and its label counts again`;
    return 'its picture is gone: put it back, and its label counts again';
  }

  async isDefective(path: string): Promise<boolean> {
    const known = await this.archive.store.images.findByPath(path);
    if (!known) return this.files.isDefective(path);
    if (known.state === 'defect' || (await this.archive.labels.peek(known.id)).layers.size > 0) return true;
    // Until somebody has labelled it, its mask files are what is known.
    return known.state === 'todo' && this.files.isDefective(path);
  }

  /** Good pictures that others are compared with are not labelled in the database: their files say what they are. */
  async put(image: LabelledImage, { signal }: WorkOptions = {}): Promise<Replaced | undefined> {
    const { path, layers, state, width, height, partial } = image;
    const known = await this.archive.store.images.findByPath(path);
    if (!known) return this.files.put(image);
    if (known.width !== width || known.height !== height) {
      const [got, want] = [`${width} x ${height}`, `${known.width} x ${known.height}`];
      throw fail('ADC_MASK_SIZE', { path, got, want: `labelled with ${want}` });
    }
    const how = { only: partial, signal };
    const replaced = await this.archive.replace(path, layers, state, this.source, this.user, how);
    return replaced ? { path } : undefined;
  }
}
