/** The queue: which image next, and why it stands where it stands. */
import type { ImageDetail, ImagePage, ImageQuery, ImageSummary } from '../api.ts';
import { isEmptyRle } from '../history/bitmaps.ts';
import type { LabelService } from '../labels/label-service.ts';
import { faceOf, layersOf } from '../labels/shown.ts';
import { passOver } from '../log.ts';
import type { ImageRecord, ImageRepository } from '../store/images.ts';
import type { Preparation } from './preparation.ts';
import { reasonOf } from './reasons.ts';

/** How long an image waits for the masks of its last clicks before it is shown without. */
const MASK_PATIENCE_MS = 3_000;

export class Queue {
  constructor(
    private readonly images: ImageRepository,
    private readonly labels: LabelService,
    private readonly preparation: Preparation,
  ) {}

  /** A page of the queue. */
  async page(query: ImageQuery): Promise<ImagePage> {
    const { total, images } = await this.images.list(query);
    const types = await this.images.typesOf(images.map(({ id }) => id));
    return { total, images: images.map((image) => summaryOf(image, types.get(image.id) ?? [], query.order)) };
  }

  /** Everything the canvas shows of an image, once the masks of its clicks are there. @throws ADC_NOT_FOUND. */
  async detail(id: number): Promise<ImageDetail> {
    await this.labels.image(id);
    // The index may still be being made, or be missing; what is stored is shown all the same.
    const patience = new Promise<void>((resolve) => setTimeout(resolve, MASK_PATIENCE_MS).unref());
    await Promise.race([this.labels.state(id), patience]).catch(passOver('masks not known', { image: id }));
    return this.standing(id);
  }

  /** What stands of an image at this moment: masks of clicks that still wait are not in it. @throws ADC_NOT_FOUND. */
  async standing(id: number): Promise<ImageDetail> {
    const image = await this.labels.image(id);
    const state = await this.labels.peek(id);
    const prepared = await this.preparation.known(image);
    const layers = layersOf(state);
    return {
      ...summaryOf(
        image,
        layers.map(({ type }) => type),
        'residual',
      ),
      ...faceOf(state),
      version: state.version,
      layers,
      nearest: prepared?.neighbours.map(({ name }) => name) ?? [],
      seen: prepared?.seen ?? null,
      notes: [...(prepared?.notes ?? [])],
    };
  }

  /** What the model sees unasked, at once where it is known, else as soon as it is. */
  async proposal(id: number) {
    const image = await this.labels.image(id);
    const known = await this.preparation.known(image);
    if (!known) {
      this.preparation.prepare(image, true).catch(passOver('not prepared', { image: id }));
      return { ready: false, rle: null, score: 0 };
    }
    this.preparation.warm(image);
    const { width, height, counts } = known.rle;
    // A model that sees nothing proposes nothing: an empty mask could be accepted as a defect.
    const rle = isEmptyRle(known.rle) ? null : { width, height, counts: [...counts] };
    return { ready: true, rle, score: known.score };
  }
}

function summaryOf(image: ImageRecord, types: number[], order: ImageQuery['order']): ImageSummary {
  const { id, category, path, width, height, state, review, version } = image;
  return {
    ...{ id, category, path, width, height, state, review, version, types },
    reason: reasonOf(image, order),
    ready: image.prepared !== null,
  };
}
