/** Datumaro: a JSON file a subset; masks as column run lengths in COCO's text, exact. */
import { z } from 'zod';
import { fail } from '../errors.ts';
import { columnCounts, countsToText, paintColumns, textToCounts } from './column-rle.ts';
import { jsonList, number, numbers, parseJson, pieces } from './json.ts';
import { checkSize, Painter, type Place, within, wrong } from './painter.ts';
import { safePath, withoutEnding } from './paths.ts';
import { filesEnding } from './source.ts';
import { RECORDS_FILE } from './target.ts';
import type { Format, LabelledImage, ReadOptions } from './types.ts';

const ANNOTATIONS = 'annotations/default.json';
const PICTURES = 'images/default';

const media = z.object({ path: z.string().nullish(), size: z.array(z.int().min(0).max(100_000)).nullish() });
const annotation = z.object({
  type: z.string(),
  label_id: z.int().min(0).nullish(),
  rle: z.object({ counts: z.union([z.string(), numbers]), size: z.tuple([z.int(), z.int()]) }).nullish(),
  points: numbers.nullish(),
  bbox: z.array(number).nullish(),
});
const file = z.object({
  categories: z.object({ label: z.object({ labels: z.array(z.object({ name: z.string() })) }).nullish() }),
  items: z.array(
    z.object({ id: z.string(), annotations: z.array(annotation), image: media.nullish(), media: media.nullish() }),
  ),
});

type Annotation = z.infer<typeof annotation>;
type Item = z.infer<typeof file>['items'][number];

/** Paints an annotation. @returns false when it is no area. */
function paint(painter: Painter, type: string, { rle, points, bbox, ...rest }: Annotation, place: Place): boolean {
  const { width, height } = painter;
  if (rest.type === 'mask' && rle) {
    const [rows, columns] = rle.size;
    const at = within(place, 'rle');
    if (rows !== height || columns !== width)
      throw wrong(within(at, 'size'), `${columns} x ${rows} is not the image's ${width} x ${height}`);
    const counts = within(at, 'counts');
    const runs = typeof rle.counts === 'string' ? textToCounts(rle.counts, counts) : rle.counts;
    paintColumns(runs, painter.bitmap(type), width, height, counts);
  } else if (rest.type === 'polygon' && points) painter.fill(type, [points], within(place, 'points'));
  else if (rest.type === 'bbox' && bbox?.length === 4) {
    const [x, y, w, h] = bbox;
    painter.box(type, x, y, w, h, within(place, 'bbox'));
  } else if (rest.type === 'ellipse' && points?.length === 4) {
    const [left, top, right, bottom] = points;
    const at = within(place, 'points');
    painter.ellipse(type, (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2, at);
  } else return false;
  return true;
}

/** Size that an item says, or that its masks say. */
function sizeOf(item: Item): readonly [height: number, width: number] {
  const said = item.image?.size ?? item.media?.size ?? item.annotations.find(({ rle }) => rle)?.rle?.size ?? [];
  return [said[0] ?? 0, said[1] ?? 0];
}

function readItem(
  item: Item,
  place: Place,
  labels: readonly { name: string }[],
  { leftOut }: ReadOptions,
): LabelledImage | undefined {
  const path = safePath(item.image?.path || item.media?.path || item.id, place.file);
  const [height, width] = sizeOf(item);
  if (item.annotations.length === 0 && (width === 0 || height === 0))
    return { path, width: 0, height: 0, state: 'good', layers: [] };
  const at = within(within(place, item.media && !item.image ? 'media' : 'image'), 'size');
  checkSize(width, height, at);
  const painter = new Painter(width, height, at);
  let unread = 0;
  for (const [i, entry] of item.annotations.entries()) {
    const field = within(within(place, 'annotations'), i);
    const type = entry.label_id === null || entry.label_id === undefined ? undefined : labels[entry.label_id]?.name;
    if (type === undefined) throw wrong(within(field, 'label_id'), `there is no label ${entry.label_id ?? 'given'}`);
    if (paint(painter, type, entry, field)) continue;
    unread++;
    leftOut({ path, type, reason: `${field.field} is of the type ${entry.type}, which is no area that can be read` });
  }
  const image = painter.finish(path);
  return image.layers.length > 0 || unread === 0 ? image : undefined;
}

export const datumaro: Format = {
  name: 'datumaro',
  describe: 'Datumaro JSON',
  exactness: 'exact',

  async write(images, target, { pictureOf, leftOut }) {
    const items: string[] = [];
    const ids = new Map<string, string>();
    const types = new Map<string, number>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      // Datumaro names items by their path without ending.
      const id = withoutEnding(path);
      const other = ids.get(id);
      if (other !== undefined)
        throw fail('ADC_EXCHANGE_NAME', { name: id, path, what: `${other} has the same name in this format` });
      ids.set(id, path);
      const annotations = layers.map(({ type, rle }, i) => {
        const label_id = types.get(type) ?? types.size;
        types.set(type, label_id);
        const shape = { counts: countsToText(columnCounts(rle)), size: [height, width] };
        return { id: i, type: 'mask', attributes: {}, group: 0, label_id, rle: shape, z_order: i };
      });
      items.push(JSON.stringify({ id, annotations, attr: {}, image: { path, size: [height, width] } }));
      const missing = pictureOf && (await target.copy(pictureOf(image), `${PICTURES}/${path}`, path));
      if (missing) leftOut({ path, reason: missing });
    }
    const labels = [...types.keys()].map((name) => ({ name, parent: '', attributes: [] }));
    const categories = JSON.stringify({ label: { labels, attributes: [] }, mask: { colormap: [] } });
    const head = `{"dm_format_version":"1.0","media_type":2,"infos":{},"categories":${categories},\n"items":`;
    await target.write(ANNOTATIONS, pieces([head, ...jsonList(items), '}\n']));
  },

  async *read(source, options) {
    const names = filesEnding(source, '.json').filter((name) => name !== RECORDS_FILE);
    if (names.length === 0) throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: 'there is no .json file' });
    const seen = new Set<string>();
    for (const name of names) {
      const display = source.display(name);
      const { items, categories } = parseJson(await source.read(name), display, file);
      for (const [i, item] of items.entries()) {
        const place = { file: display, field: `items[${i}]` };
        const image = readItem(item, place, categories.label?.labels ?? [], options);
        if (!image) continue;
        if (seen.has(image.path))
          throw fail('ADC_EXCHANGE_NAME', { name: image.path, path: display, what: 'it is there twice' });
        seen.add(image.path);
        yield image;
      }
    }
  },
};
