/** COCO: one JSON file of images, categories and annotations; masks as column run lengths in COCO's text, exact. */
import { rleArea } from '@adclick/core';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { columnCounts, countsToText, paintColumns, textToCounts } from './column-rle.ts';
import { jsonList, number, numbers, parseJson, pieces } from './json.ts';
import { boundsOf, Painter, type Place, within, wrong } from './painter.ts';
import { safePath } from './paths.ts';
import { filesEnding } from './source.ts';
import { RECORDS_FILE } from './target.ts';
import type { Format, LabelledImage } from './types.ts';

const ANNOTATIONS = 'annotations/instances_default.json';
const PICTURES = 'images';

const id = z.union([z.int(), z.string().max(200)]);
const size = z.int().min(0).max(100_000);
const segmentation = z.union([
  z.array(numbers),
  z.object({ size: z.tuple([z.int(), z.int()]), counts: z.union([z.string(), numbers]) }),
]);
const file = z.object({
  images: z.array(z.object({ id, file_name: z.string(), width: size.nullish(), height: size.nullish() })),
  annotations: z.array(
    z.object({
      image_id: id,
      category_id: id,
      segmentation: segmentation.nullish(),
      bbox: z.array(number).nullish(),
    }),
  ),
  categories: z.array(z.object({ id, name: z.string().min(1) })),
});

type Segmentation = z.infer<typeof segmentation>;

/** Paints a segmentation: polygons that are united, run lengths in text or numbers. */
function paint(painter: Painter, type: string, shape: Segmentation, place: Place): void {
  const { width, height } = painter;
  if (Array.isArray(shape)) {
    for (const [i, ring] of shape.entries()) painter.fill(type, [ring], within(place, i));
    return;
  }
  const counts = within(place, 'counts');
  const [rows, columns] = shape.size;
  if (rows !== height || columns !== width)
    throw wrong(within(place, 'size'), `${columns} x ${rows} is not the image's ${width} x ${height}`);
  const runs = typeof shape.counts === 'string' ? textToCounts(shape.counts, counts) : shape.counts;
  paintColumns(runs, painter.bitmap(type), width, height, counts);
}

export const coco: Format = {
  name: 'coco',
  describe: 'COCO JSON with run lengths',
  exactness: 'exact',

  async write(images, target, { pictureOf, leftOut }) {
    const rows: string[] = [];
    const annotations: string[] = [];
    const types = new Map<string, number>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      const image_id = rows.length + 1;
      rows.push(JSON.stringify({ id: image_id, file_name: path, width, height }));
      for (const { type, rle } of layers) {
        const category_id = types.get(type) ?? types.size + 1;
        types.set(type, category_id);
        const box = boundsOf(rle);
        const bbox = box ? [box.x, box.y, box.width, box.height] : [0, 0, 0, 0];
        const shape = { size: [height, width], counts: countsToText(columnCounts(rle)) };
        const row = {
          id: annotations.length + 1,
          image_id,
          category_id,
          segmentation: shape,
          area: rleArea(rle),
          bbox,
        };
        // Crowd is COCO's word for annotations with run lengths; but readers leave crowds out of training.
        annotations.push(JSON.stringify({ ...row, iscrowd: 0 }));
      }
      const missing = pictureOf && (await target.copy(pictureOf(image), `${PICTURES}/${path}`, path));
      if (missing) leftOut({ path, reason: missing });
    }
    const categories = [...types].map(([name, id]) => JSON.stringify({ id, name, supercategory: 'defect' }));
    const head = '{"info":{"description":"ADClick"},"licenses":[],\n"images":';
    const lists = [...jsonList(rows), ',\n"annotations":', ...jsonList(annotations)];
    const parts = [head, ...lists, ',\n"categories":', ...jsonList(categories), '}\n'];
    await target.write(ANNOTATIONS, pieces(parts));
  },

  async *read(source, { leftOut }) {
    const names = filesEnding(source, '.json').filter((name) => name !== RECORDS_FILE);
    if (names.length === 0) throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: 'there is no .json file' });
    const seen = new Set<string>();
    for (const name of names) {
      const display = source.display(name);
      const content = parseJson(await source.read(name), display, file);
      for (const image of readFile(content, display, leftOut)) {
        if (seen.has(image.path))
          throw fail('ADC_EXCHANGE_NAME', { name: image.path, path: display, what: 'it is there twice' });
        seen.add(image.path);
        yield image;
      }
    }
  },
};

function* readFile(
  { images, annotations, categories }: z.infer<typeof file>,
  display: string,
  leftOut: (entry: { path: string; type?: string; reason: string }) => void,
): Generator<LabelledImage> {
  const types = new Map(categories.map((category) => [category.id, category.name]));
  const known = new Set(images.map((image) => image.id));
  const byImage = new Map<string | number, number[]>();
  for (const [i, { image_id }] of annotations.entries()) {
    if (!known.has(image_id))
      throw wrong({ file: display, field: `annotations[${i}].image_id` }, `there is no image ${image_id}`);
    const list = byImage.get(image_id);
    if (list) list.push(i);
    else byImage.set(image_id, [i]);
  }
  const ids = new Set<string | number>();
  for (const [i, { id: image_id, file_name, width, height }] of images.entries()) {
    const place = { file: display, field: `images[${i}]` };
    if (ids.has(image_id)) throw wrong(within(place, 'id'), `${image_id} is there twice`);
    ids.add(image_id);
    const path = safePath(file_name, display);
    const mine = byImage.get(image_id) ?? [];
    if (mine.length === 0 && (!width || !height)) {
      yield { path, width: 0, height: 0, state: 'good', layers: [] };
      continue;
    }
    const painter = new Painter(width ?? 0, height ?? 0, place);
    let unread = 0;
    for (const at of mine) {
      const { category_id, segmentation: shape, bbox } = annotations[at];
      const field: Place = { file: display, field: `annotations[${at}]` };
      const type = types.get(category_id);
      if (type === undefined) throw wrong(within(field, 'category_id'), `there is no category ${category_id}`);
      if (shape && !(Array.isArray(shape) && shape.length === 0))
        paint(painter, type, shape, within(field, 'segmentation'));
      else if (bbox?.length === 4) {
        const [x, y, w, h] = bbox;
        painter.box(type, x, y, w, h, within(field, 'bbox'));
      } else {
        unread++;
        leftOut({ path, type, reason: `annotations[${at}] has neither a segmentation nor a box` });
      }
    }
    const image = painter.finish(path);
    // What could not be read says that there is something: such an image is not good.
    if (image.layers.length > 0 || unread === 0) yield image;
  }
}
