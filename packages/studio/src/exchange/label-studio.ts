/** Label Studio: a JSON list of tasks; masks as brush regions, exact. */
import { decodeImage } from '@adclick/core/image';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { hasPictureEnding } from '../project/folder-names.ts';
import { decodeBrush, encodeBrush } from './brush-rle.ts';
import type { Format, ReadOptions } from './format.ts';
import { jsonList, listOf, number, numbersUpTo, parseJson, parsePart, pieces } from './json.ts';
import type { Painter } from './painter.ts';
import { pictureName } from './paths.ts';
import { Pictures } from './pictures.ts';
import { type Place, within, wrong } from './place.ts';
import { ImageReader, orLeaveOut, readEach } from './reading.ts';
import { filesEnding } from './source.ts';
import type { LabelledImage } from './types.ts';

/** Tasks in one file: brush masks are long, and a file has to fit into memory as one text. */
const TASKS_A_FILE = 500;
const CONFIG = 'label-config.xml';
const PICTURES = 'images';
/** How Label Studio names pictures of its local storage. */
const LOCAL = '/data/local-files/?d=';
/** Percent by which a point may lie outside of the picture. Further out it was no percentage. */
const BEYOND = 10;

/** A number, also as a text, as some scripts and databases write it. */
const figure = z.union([
  number,
  z
    .string()
    .regex(/^-?\d+(\.\d+)?$/, 'it is no number')
    .transform(Number),
]);
const optional = figure.nullish();
const labels = z.array(z.string());
const value = z.object({
  format: z.string().nullish(),
  rle: numbersUpTo(400_000_000).nullish(),
  imageDataURL: z.string().nullish(),
  points: listOf(z.array(figure).length(2), 1_000_000).nullish(),
  x: optional,
  y: optional,
  width: optional,
  height: optional,
  radiusX: optional,
  radiusY: optional,
  rotation: optional,
});
const region = z.object({
  id: z.string().nullish(),
  type: z.string(),
  original_width: optional,
  original_height: optional,
  image_rotation: optional,
  value: z.unknown().optional(),
});
const annotation = z.object({
  result: z.array(z.unknown()),
  was_cancelled: z.boolean().nullish(),
  ground_truth: z.boolean().nullish(),
});
const file = z.union([z.array(z.unknown()), z.object({ data: z.unknown() }).loose()]);
const task = z.object({
  data: z.record(z.string(), z.unknown()),
  // Those that were only predicted have none.
  annotations: z.array(annotation).nullish(),
  // What versions before 1.0 call them.
  completions: z.array(z.unknown()).nullish(),
});

type Region = z.infer<typeof region>;
type Task = z.infer<typeof task>;

/** Kinds of regions that are areas, by the beginning of their type; `labels` may follow. */
const AREA = /^(brush|magicwand|bitmask|polygon|rectangle|ellipse)(labels)?$/;

/** An address without what stands behind the name. */
const withoutQuery = (address: string): string => /^[^?#]*/.exec(address)?.[0] ?? '';

/** The address of a task's picture. */
function addressOf({ data }: Task, place: Place): string {
  const texts = Object.values(data).filter((entry) => typeof entry === 'string');
  const isPicture = (text: string) => hasPictureEnding(withoutQuery(text));
  const found = data.image ?? texts.find(isPicture) ?? texts[0];
  const at = within(within(place, 'data'), 'image');
  if (typeof found !== 'string') throw wrong(at, 'there is no picture');
  if (/^data:/i.test(found)) throw wrong(at, 'the picture is inside the file, so that it has no name');
  return found;
}

/** Path of a task's picture: what stands behind `?d=`, the address in a storage, or the address without its beginning. */
function pathOf(task: Task, place: Place, { inProject }: ReadOptions): string {
  const address = addressOf(task, place);
  const query = (key: string) => new RegExp(`[?&]${key}=([^&]*)`).exec(address)?.[1];
  const [local, stored] = [query('d'), query('fileuri')];
  const plain = (text: string) => withoutQuery(text.replace(/^[a-z][a-z0-9+.-]+:\/\/[^/]*\//i, ''));
  let path = stored ? plain(Buffer.from(stored, 'base64').toString()) : (local ?? plain(address));
  try {
    path = decodeURIComponent(path);
  } catch {
    // The name itself has a percent sign.
  }
  // Uploads are kept as upload/<project>/<eight digits>-<name>.
  const [, upload, digits = ''] = /^\/?(?:data\/)?upload\/(?:\d+\/)?(([0-9a-f]{8}-)?.*)$/s.exec(path) ?? [];
  const name = pictureName(upload ?? path, place.file);
  if (digits === '') return name;
  const bare = name.slice(digits.length);
  // A task that was written by hand may name a picture that begins so itself.
  return inProject?.(name) && !inProject(bare) ? name : bare;
}

/** Paints a mask given as a picture whose opaque pixels are the region. */
async function paintBitmask(painter: Painter, type: string, url: string, place: Place): Promise<number> {
  const { width, height } = painter;
  painter.spend(width * height);
  const png = Buffer.from(url.replace(/^data:[^,]*,/, ''), 'base64');
  const image = await decodeImage(png, { path: `${place.file}, ${place.field}`, limit: width * height });
  if (image.width !== width || image.height !== height)
    throw wrong(place, `it is ${image.width} x ${image.height}, not ${width} x ${height}`);
  if (!image.alpha) throw wrong(place, 'it has no transparency, which tells what belongs to the region');
  const { data, channels } = image;
  const half = image.range.high / 2;
  const set = Uint8Array.from({ length: width * height }, (_, i) => (data[(i + 1) * channels - 1] > half ? 1 : 0));
  return painter.patch(type, set, width, height, 0, 0);
}

/** Paints a region, coordinates of polygons and boxes being percent of the image. @returns how many pixels it covers. */
async function paint(painter: Painter, type: string, kind: string, unchecked: unknown, place: Place) {
  const at = within(place, 'value');
  const found = parsePart(unchecked, at, value);
  const inside = (point: readonly number[], where: Place) => {
    const far = point.find((percent) => percent < -BEYOND || percent > 100 + BEYOND);
    if (far !== undefined) throw wrong(where, `${far} is no percentage of the picture`);
    return [(point[0] * painter.width) / 100, (point[1] * painter.height) / 100];
  };
  const length = (key: 'x' | 'y' | 'width' | 'height' | 'radiusX' | 'radiusY') => {
    const percent = found[key];
    if (percent === undefined || percent === null) throw wrong(within(at, key), 'it is missing');
    return percent;
  };
  if (kind === 'bitmask') {
    if (!found.imageDataURL) throw wrong(within(at, 'imageDataURL'), 'the mask is missing');
    return paintBitmask(painter, type, found.imageDataURL, within(at, 'imageDataURL'));
  }
  if (kind === 'brush' || kind === 'magicwand') {
    const { format, rle } = found;
    if (format && format !== 'rle')
      throw wrong(within(at, 'format'), `${JSON.stringify(format)} is not read, only rle`);
    if (!rle) throw wrong(within(at, 'rle'), 'the run lengths are missing');
    const { width, height } = painter;
    painter.spend(width * height);
    return painter.patch(type, decodeBrush(rle, width, height, within(at, 'rle')), width, height, 0, 0);
  }
  if (kind === 'polygon') {
    const points = within(at, 'points');
    return painter.fill(type, [(found.points ?? []).flatMap((point, i) => inside(point, within(points, i)))], points);
  }
  const degrees = found.rotation ?? 0;
  const [x, y] = inside([length('x'), length('y')], at);
  const scaled = (across: number, down: number) => [(across * painter.width) / 100, (down * painter.height) / 100];
  if (kind === 'ellipse') {
    const [rx, ry] = scaled(length('radiusX'), length('radiusY'));
    return painter.ellipse(type, x, y, rx, ry, at, degrees);
  }
  // Label Studio turns rectangles around their upper left corner.
  const [w, h] = scaled(length('width'), length('height'));
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const corner = (dx: number, dy: number) => [x + dx * cos - dy * sin, y + dx * sin + dy * cos];
  return painter.fill(type, [[...corner(0, 0), ...corner(w, 0), ...corner(w, h), ...corner(0, h)]], at);
}

/** The labels in the value of a result: in a list named after the control that gave them. */
function labelsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, list]) => {
    const found = /labels$/.test(key) ? labels.safeParse(list) : undefined;
    return found?.success ? found.data : [];
  });
}

/** The regions of an annotation. A label or an answer about a region stands in a result of its own with the region's number. */
function regionsOf(results: readonly unknown[], place: Place) {
  const read = results.map((entry, i) => {
    const parsed = region.safeParse(entry);
    return { at: within(place, i), region: parsed.success ? parsed.data : undefined };
  });
  const kindOf = (found: Region | undefined) => AREA.exec(found?.type ?? '')?.[1];
  const areas = new Set(read.flatMap(({ region }) => (kindOf(region) && region?.id ? [region.id] : [])));
  const given = new Map<string, string[]>();
  for (const { region } of read)
    if (region?.id) {
      const all = given.get(region.id) ?? [];
      for (const label of labelsOf(region.value)) all.push(label);
      given.set(region.id, all);
    }
  return read.flatMap(({ at, region }) => {
    const kind = kindOf(region);
    if (region?.type === 'relation') return [];
    if (kind === undefined && region?.id && areas.has(region.id)) return [];
    const own = labelsOf(region?.value);
    const named = own.length > 0 ? own : (given.get(region?.id ?? '') ?? []);
    return [{ at, region, kind, labels: [...new Set(named)] }];
  });
}

/** The annotation that counts: the one marked as ground truth, else the last that was not cancelled. */
function chosen({ annotations }: Task): number {
  const all = annotations ?? [];
  const valid = all.flatMap(({ was_cancelled }, i) => (was_cancelled ? [] : [i]));
  return valid.find((i) => all[i].ground_truth) ?? valid[valid.length - 1] ?? -1;
}

async function readTask(task: Task, path: string, place: Place, pictures: Pictures, options: ReadOptions) {
  const which = chosen(task);
  if (!task.annotations && task.completions && task.completions.length > 0)
    throw wrong(within(place, 'completions'), 'it is an export of a version before 1.0; export it from a newer one');
  // Without an annotation nobody has looked at it yet.
  if (which < 0) return undefined;
  const at = within(within(within(place, 'annotations'), which), 'result');
  const regions = regionsOf(task.annotations?.[which]?.result ?? [], at);
  const sized = regions.find(({ region }) => region?.original_width && region.original_height)?.region;
  const noted = z.object({ width: figure, height: figure }).safeParse(task.data);
  let { width, height } = { width: sized?.original_width ?? 0, height: sized?.original_height ?? 0 };
  if (!sized) ({ width, height } = noted.success ? noted.data : await pictures.sizeAt(path));
  if (regions.length === 0) {
    const size = width === 0 || height === 0 ? { width: 0, height: 0 } : { width, height };
    return { path, ...size, state: 'good' as const, layers: [] };
  }
  const reader = new ImageReader(path, width, height, within(at, 'original_width'), options);
  for (const { at, region: found, kind, labels: named } of regions) {
    if (found === undefined || kind === undefined) {
      reader.refuse(
        `${at.field} ${found ? `is of the kind ${found.type}, which is no area` : 'is no region that can be read'}`,
      );
      continue;
    }
    for (const label of named.length > 0 ? named : [undefined])
      await reader.annotation(at, label, (painter, type) => {
        if (found.image_rotation) return 'is on a picture that was turned, which is not read';
        if ((found.original_width ?? width) !== width || (found.original_height ?? height) !== height)
          throw wrong(within(at, 'original_width'), `not ${width} x ${height} as in the other regions`);
        return paint(painter, type, kind, found.value, at);
      });
  }
  return reader.finish();
}

async function* readFile(
  content: z.infer<typeof file>,
  display: string,
  pictures: Pictures,
  options: ReadOptions,
): AsyncGenerator<LabelledImage> {
  const entries = Array.isArray(content) ? content : [content];
  if (entries.length > 0 && entries.every((entry) => !(entry as { data?: unknown } | null)?.data))
    throw wrong(
      { file: display, field: '[0].data' },
      'it is missing; from Label Studio, export as JSON, not as JSON-MIN',
    );
  for (const [i, entry] of entries.entries()) {
    const place = { file: display, field: `[${i}]` };
    const image = await orLeaveOut(options.leftOut, { path: display }, async () => {
      const checked = parsePart(entry, place, task);
      const path = pathOf(checked, place, options);
      return orLeaveOut(options.leftOut, { path }, () => readTask(checked, path, place, pictures, options));
    });
    if (image) yield image;
  }
}

const escapeAttribute = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

export const labelStudio: Format = {
  name: 'labelstudio',
  describe: 'Label Studio tasks with brush masks',
  exactness: 'exact',

  async write(images, target, options) {
    const { leftOut } = options;
    let rows: string[] = [];
    let count = 0;
    const flush = async () => {
      const part = Math.ceil(count / TASKS_A_FILE);
      await target.write(part < 2 ? 'tasks.json' : `tasks-${part}.json`, pieces([...jsonList(rows), '\n']));
      rows = [];
    };
    const types = new Set<string>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      const copy = `${PICTURES}/${path}`;
      if (!target.accepts(path, [copy], leftOut)) continue;
      const result = layers.map(({ type, rle }, i) => {
        types.add(type);
        return {
          id: `r${i + 1}`,
          type: 'brushlabels',
          from_name: 'defect',
          to_name: 'image',
          original_width: width,
          original_height: height,
          image_rotation: 0,
          value: { format: 'rle', rle: encodeBrush(rle), brushlabels: [type] },
        };
      });
      const url = LOCAL + path.split('/').map(encodeURIComponent).join('/');
      const data = { image: url, width, height };
      count++;
      rows.push(JSON.stringify({ id: count, data, annotations: [{ id: count, result }] }));
      await target.copyPicture(image, copy, options);
      if (rows.length === TASKS_A_FILE) await flush();
    }
    if (rows.length > 0 || count === 0) await flush();
    const labelTags = [...types].map((type) => `    <Label value="${escapeAttribute(type)}"/>\n`).join('');
    const head = '<View>\n  <Image name="image" value="$image"/>\n  <BrushLabels name="defect" toName="image">\n';
    await target.write(CONFIG, pieces([head, labelTags, '  </BrushLabels>\n</View>\n']));
  },

  read(source, options) {
    const tables = filesEnding(source, '.csv', '.tsv');
    if (filesEnding(source, '.json').length === 0 && tables.length > 0)
      throw fail('ADC_EXCHANGE_EMPTY', {
        path: source.display(tables[0]),
        what: 'from Label Studio, tables lack what regions are: export as JSON',
      });
    const pictures = new Pictures(source, options.inProject);
    return readEach(source, '.json', options, (bytes, display) =>
      readFile(parseJson(bytes, display, file), display, pictures, options),
    );
  },
};
