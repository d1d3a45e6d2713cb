/** Datumaro: a JSON file a subset; masks as column run lengths in COCO's text, exact. */
import { z } from 'zod';
import { withoutEnding } from '../path-parts.ts';
import { columnCounts, countsToText, paintColumnMask } from './column-rle.ts';
import type { Format, ReadOptions } from './format.ts';
import { jsonList, number, numbers, parseJson, parsePart, pieces } from './json.ts';
import type { Painter } from './painter.ts';
import { pictureName } from './paths.ts';
import { type Place, within } from './place.ts';
import { ImageReader, orLeaveOut, readEach, sizeOr } from './reading.ts';
import type { LabelledImage } from './types.ts';

const ANNOTATIONS = 'annotations/default.json';
const PICTURES = 'images/default';

const file = z.object({
  categories: z.object({ label: z.object({ labels: z.array(z.unknown()) }).nullish() }),
  items: z.array(z.unknown()),
});
const media = z.object({ path: z.string().nullish(), size: z.array(z.int().min(0).max(100_000)).nullish() });
const item = z.object({
  id: z.string(),
  annotations: z.array(z.unknown()),
  image: media.nullish(),
  media: media.nullish(),
});
const named = z.object({ name: z.string() });
const sizes = z.tuple([z.int(), z.int()]);
const sized = z.object({ rle: z.object({ size: sizes }) });
const labelled = z.object({ label_id: z.int().min(0) });
const annotation = z.object({
  type: z.string(),
  rle: z.object({ counts: z.union([z.string(), numbers]), size: sizes }).nullish(),
  points: numbers.nullish(),
  bbox: z.array(number).nullish(),
});

type Item = z.infer<typeof item>;

/** Paints an annotation. @returns pixels that it covers, or why it is no area. */
function paint(painter: Painter, type: string, entry: z.infer<typeof annotation>, place: Place): number | string {
  const { rle, points, bbox } = entry;
  if (entry.type === 'mask' && rle) return paintColumnMask(painter, type, rle, within(place, 'rle'));
  if (entry.type === 'polygon' && points) return painter.fill(type, [points], within(place, 'points'));
  if (entry.type === 'bbox' && bbox?.length === 4) {
    const [x, y, w, h] = bbox;
    return painter.box(type, x, y, w, h, within(place, 'bbox'));
  }
  if (entry.type === 'ellipse' && points?.length === 4) {
    const [left, top, right, bottom] = points;
    const at = within(place, 'points');
    return painter.ellipse(type, (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2, at);
  }
  return `is of the type ${entry.type}, which is no area that can be read`;
}

/** Size that an item says, or that the first of its masks says. */
function sizeOf({ image, media: other, annotations }: Item): { width: number; height: number } {
  const [height = 0, width = 0] = image?.size ?? other?.size ?? [];
  if (width > 0) return { width, height };
  for (const entry of annotations) {
    const found = sized.safeParse(entry);
    if (found.success) return { width: found.data.rle.size[1], height: found.data.rle.size[0] };
  }
  return { width: 0, height: 0 };
}

async function readItem(
  found: Item,
  place: Place,
  labels: readonly unknown[],
  options: ReadOptions,
): Promise<LabelledImage | undefined> {
  const path = pictureName(found.image?.path || found.media?.path || found.id, place.file);
  const { width, height } = sizeOr(sizeOf(found), path, options.inProject);
  if (found.annotations.length === 0 && (width === 0 || height === 0))
    return { path, width: 0, height: 0, state: 'good', layers: [] };
  const at = within(within(place, found.media && !found.image ? 'media' : 'image'), 'size');
  const reader = new ImageReader(path, width, height, at, options);
  for (const [i, entry] of found.annotations.entries()) {
    const field = within(within(place, 'annotations'), i);
    const numbered = labelled.safeParse(entry);
    const label = numbered.success ? named.safeParse(labels[numbered.data.label_id]) : undefined;
    const type = label?.success ? label.data.name : undefined;
    await reader.annotation(field, type, (painter, name) =>
      paint(painter, name, parsePart(entry, field, annotation), field),
    );
  }
  return reader.finish();
}

async function* readFile(
  { items, categories }: z.infer<typeof file>,
  display: string,
  options: ReadOptions,
): AsyncGenerator<LabelledImage> {
  for (const [i, entry] of items.entries()) {
    const place = { file: display, field: `items[${i}]` };
    const found = await orLeaveOut(options.leftOut, { path: display }, () => parsePart(entry, place, item));
    if (found === undefined) continue;
    const about = { path: found.image?.path || found.media?.path || found.id };
    const image = await orLeaveOut(options.leftOut, about, () =>
      readItem(found, place, categories.label?.labels ?? [], options),
    );
    if (image) yield image;
  }
}

export const datumaro: Format = {
  name: 'datumaro',
  describe: 'Datumaro JSON',
  exactness: 'exact',

  async write(images, target, options) {
    const { leftOut } = options;
    const items: string[] = [];
    const ids = new Set<string>();
    const types = new Map<string, number>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      const picture = `${PICTURES}/${path}`;
      if (!target.accepts(path, [picture], leftOut)) continue;
      // Datumaro names items by their path without ending; the second picture of a name keeps its ending.
      const id = [withoutEnding(path), path].find((name) => !ids.has(name)) ?? path;
      ids.add(id);
      const annotations = layers.map(({ type, rle }, i) => {
        const label_id = types.get(type) ?? types.size;
        types.set(type, label_id);
        const shape = { counts: countsToText(columnCounts(rle)), size: [height, width] };
        return { id: i, type: 'mask', attributes: {}, group: 0, label_id, rle: shape, z_order: i };
      });
      items.push(JSON.stringify({ id, annotations, attr: {}, image: { path, size: [height, width] } }));
      await target.copyPicture(image, picture, options);
    }
    const labels = [...types.keys()].map((name) => ({ name, parent: '', attributes: [] }));
    const categories = JSON.stringify({ label: { labels, attributes: [] }, mask: { colormap: [] } });
    const head = `{"dm_format_version":"1.0","media_type":2,"infos":{},"categories":${categories},\n"items":`;
    await target.write(ANNOTATIONS, pieces([head, ...jsonList(items), '}\n']));
  },

  read: (source, options) =>
    readEach(source, '.json', options, (bytes, display) => readFile(parseJson(bytes, display, file), display, options)),
};
