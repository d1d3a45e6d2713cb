/** COCO: one JSON file of images, categories and annotations; masks as column run lengths in COCO's text, exact. */
import { rleArea } from '@adclick/core/geometry';
import { z } from 'zod';
import { columnCounts, countsToText, paintColumnMask } from './column-rle.ts';
import type { Format, ReadOptions } from './format.ts';
import { jsonList, number, numbers, parseJson, parsePart, pieces } from './json.ts';
import { boundsOf, type Painter } from './painter.ts';
import { pictureName } from './paths.ts';
import { type Place, within, wrong } from './place.ts';
import { ImageReader, orLeaveOut, readEach, sizeOr } from './reading.ts';
import type { LabelledImage } from './types.ts';

const ANNOTATIONS = 'annotations/instances_default.json';
const PICTURES = 'images';

const id = z.union([z.int(), z.string().max(200)]);
const size = z.int().min(0).max(100_000);
const file = z.object({
  images: z.array(z.unknown()),
  annotations: z.array(z.unknown()),
  categories: z.array(z.unknown()),
});
const picture = z.object({ id, file_name: z.string(), width: size.nullish(), height: size.nullish() });
const owner = z.object({ image_id: id });
const segmentation = z.union([
  z.array(numbers),
  z.object({ size: z.tuple([z.int(), z.int()]), counts: z.union([z.string(), numbers]) }),
]);
const named = z.object({ id, name: z.string() });
const category = z.object({ category_id: id });
const region = z.object({ segmentation: segmentation.nullish(), bbox: z.array(number).nullish() });

/** Paints a region: polygons that are united, run lengths in text or numbers, or the box where there is nothing else. */
function paint(painter: Painter, type: string, { segmentation: shape, bbox }: z.infer<typeof region>, place: Place) {
  const at = within(place, 'segmentation');
  if (Array.isArray(shape) && shape.length > 0)
    return shape.reduce((sum, ring, i) => sum + painter.fill(type, [ring], within(at, i)), 0);
  if (shape && !Array.isArray(shape)) return paintColumnMask(painter, type, shape, at);
  if (bbox?.length !== 4) return 'has neither a segmentation nor a box';
  const [x, y, w, h] = bbox;
  return painter.box(type, x, y, w, h, within(place, 'bbox'));
}

export const coco: Format = {
  name: 'coco',
  describe: 'COCO JSON with run lengths',
  exactness: 'exact',

  async write(images, target, options) {
    const { leftOut } = options;
    const rows: string[] = [];
    const annotations: string[] = [];
    const types = new Map<string, number>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      const copy = `${PICTURES}/${path}`;
      if (!target.accepts(path, [copy], leftOut)) continue;
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
      await target.copyPicture(image, copy, options);
    }
    const categories = [...types].map(([name, id]) => JSON.stringify({ id, name, supercategory: 'defect' }));
    const head = '{"info":{"description":"ADClick"},"licenses":[],\n"images":';
    const lists = [...jsonList(rows), ',\n"annotations":', ...jsonList(annotations)];
    const parts = [head, ...lists, ',\n"categories":', ...jsonList(categories), '}\n'];
    await target.write(ANNOTATIONS, pieces(parts));
  },

  read: (source, options) =>
    readEach(source, '.json', options, (bytes, display) => readFile(parseJson(bytes, display, file), display, options)),
};

type Picture = z.infer<typeof picture>;

interface Listed {
  readonly image: Picture;
  readonly place: Place;
  /** Places of its annotations. */
  readonly annotations: number[];
}

/** The images of a file and their annotations. */
class Listing {
  readonly images: readonly Listed[];

  private constructor(
    byId: ReadonlyMap<string, Listed | undefined>,
    /** Whether there are annotations whose image is not known: an image without any may be theirs. */
    readonly adrift: boolean,
  ) {
    this.images = [...byId.values()].filter((listed) => listed !== undefined);
  }

  static async of(
    { images, annotations }: z.infer<typeof file>,
    display: string,
    leftOut: ReadOptions['leftOut'],
  ): Promise<Listing> {
    // Undefined for a number of two images, whose annotations could be of either.
    const byId = new Map<string, Listed | undefined>();
    for (const [i, entry] of images.entries()) {
      const place = { file: display, field: `images[${i}]` };
      const image = await orLeaveOut(leftOut, { path: display }, () => parsePart(entry, place, picture));
      if (image === undefined) continue;
      // Some tools write numbers as texts.
      const key = String(image.id);
      const other = byId.get(key);
      if (!byId.has(key)) byId.set(key, { image, place, annotations: [] });
      else if (other?.image.file_name !== image.file_name) {
        const reason = `${place.field}.id: ${image.id} is the number of another image as well`;
        for (const each of other ? [other.image, image] : [image]) leftOut({ path: each.file_name, reason });
        byId.set(key, undefined);
      }
    }
    let adrift = false;
    for (const [i, entry] of annotations.entries()) {
      const found = owner.safeParse(entry);
      const key = found.success ? String(found.data.image_id) : '';
      const listed = byId.get(key);
      if (listed) listed.annotations.push(i);
      if (listed || byId.has(key)) continue;
      adrift = true;
      const what = found.success ? `there is no image ${found.data.image_id}` : 'it does not say its image';
      leftOut({ path: display, reason: `annotations[${i}].image_id: ${what}` });
    }
    return new Listing(byId, adrift);
  }
}

/** Names of the categories by their number. A number of two names stands for neither. */
async function readCategories(
  entries: readonly unknown[],
  display: string,
  leftOut: ReadOptions['leftOut'],
): Promise<Map<string, string | undefined>> {
  const types = new Map<string, string | undefined>();
  for (const [i, entry] of entries.entries()) {
    const place = { file: display, field: `categories[${i}]` };
    const found = await orLeaveOut(leftOut, { path: display }, () => parsePart(entry, place, named));
    if (found === undefined) continue;
    const key = String(found.id);
    if (types.has(key) && types.get(key) !== found.name) {
      leftOut({ path: display, reason: `${place.field}.id: ${found.id} has two names, so that neither is read by it` });
      types.set(key, undefined);
    } else types.set(key, found.name);
  }
  return types;
}

async function* readFile(
  content: z.infer<typeof file>,
  display: string,
  options: ReadOptions,
): AsyncGenerator<LabelledImage> {
  const { leftOut } = options;
  const types = await readCategories(content.categories, display, leftOut);
  const { images, adrift } = await Listing.of(content, display, leftOut);
  for (const { image, place, annotations } of images) {
    const read = async () => {
      const path = pictureName(image.file_name, display);
      const said = { width: image.width ?? 0, height: image.height ?? 0 };
      const { width, height } = sizeOr(said, path, options.inProject);
      if (annotations.length === 0) {
        if (adrift) throw wrong(place, 'it has no annotation, but the file has some whose image is not known');
        return { path, width, height, state: 'good' as const, layers: [] };
      }
      const reader = new ImageReader(path, width, height, place, options);
      for (const at of annotations) {
        const field = { file: display, field: `annotations[${at}]` };
        const named = category.safeParse(content.annotations[at]);
        const type = named.success ? types.get(String(named.data.category_id)) : undefined;
        await reader.annotation(field, type, (painter, name) =>
          paint(painter, name, parsePart(content.annotations[at], field, region), field),
        );
      }
      return reader.finish();
    };
    const found = await orLeaveOut(leftOut, { path: image.file_name }, read);
    if (found) yield found;
  }
}
