/** Label Studio: a JSON list of tasks; masks as brush regions, exact. */
import { z } from 'zod';
import { fail } from '../errors.ts';
import { encodeBrush, paintBrush } from './brush-rle.ts';
import { issueText, jsonList, number, parseJson, pieces } from './json.ts';
import { Painter, type Place, within, wrong } from './painter.ts';
import { safePath } from './paths.ts';
import { filesEnding } from './source.ts';
import { RECORDS_FILE } from './target.ts';
import type { Format, LabelledImage, ReadOptions } from './types.ts';

/** Tasks in one file: brush masks are long, and a file has to fit into memory as one text. */
const TASKS_A_FILE = 500;
const CONFIG = 'label-config.xml';
const PICTURES = 'images';
/** How Label Studio names pictures of its local storage. */
const LOCAL = '/data/local-files/?d=';

const labels = z.array(z.string()).nullish();
const value = z.object({
  format: z.string().nullish(),
  rle: z.array(number).max(400_000_000).nullish(),
  points: z.array(z.array(number).length(2)).max(1_000_000).nullish(),
  x: number.nullish(),
  y: number.nullish(),
  width: number.nullish(),
  height: number.nullish(),
  radiusX: number.nullish(),
  radiusY: number.nullish(),
  rotation: number.nullish(),
  brushlabels: labels,
  polygonlabels: labels,
  rectanglelabels: labels,
  ellipselabels: labels,
  labels,
});
const region = z.object({
  type: z.string(),
  original_width: z.int().min(0).max(100_000).nullish(),
  original_height: z.int().min(0).max(100_000).nullish(),
  image_rotation: number.nullish(),
  value: z.unknown(),
});
const annotation = z.object({
  result: z.array(region),
  was_cancelled: z.boolean().nullish(),
  ground_truth: z.boolean().nullish(),
});
const tasks = z.array(
  z.object({
    data: z.record(z.string(), z.unknown()),
    annotations: z.array(annotation),
  }),
);

type Region = z.infer<typeof region>;
type Task = z.infer<typeof tasks>[number];

/** Kinds of regions that are areas. */
const AREAS = new Set([
  'brushlabels',
  'brush',
  'polygonlabels',
  'polygon',
  'rectanglelabels',
  'rectangle',
  'ellipselabels',
  'ellipse',
]);

/** Path of a task's picture: what stands behind `?d=`, or the address without its beginning. */
function pathOf(task: Task, place: Place): string {
  const found = task.data.image ?? Object.values(task.data).find((entry) => typeof entry === 'string');
  const at = within(within(place, 'data'), 'image');
  if (typeof found !== 'string') throw wrong(at, 'there is no picture');
  const local = /[?&]d=([^&]*)/.exec(found)?.[1];
  let path = local ?? found.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*\//i, '').replace(/[?#].*$/, '');
  try {
    path = decodeURIComponent(path);
  } catch (error) {
    throw wrong(at, 'the address is badly encoded', error);
  }
  // Uploads are kept as upload/<project>/<eight digits>-<name>.
  const upload = /^\/?(?:data\/)?upload\/(?:\d+\/)?(?:[0-9a-f]{8}-)?(.*)$/s.exec(path)?.[1];
  return safePath(upload ?? path, place.file);
}

/** Paints a region, coordinates of polygons and boxes being percent of the image. */
function paint(painter: Painter, { type, value: unchecked }: Region, place: Place): void {
  const at = within(place, 'value');
  const result = value.safeParse(unchecked);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = (issue?.path ?? []).reduce<Place>(
      (now, part) => within(now, typeof part === 'number' ? part : String(part)),
      at,
    );
    throw wrong(field, issueText(issue));
  }
  const found = result.data;
  const lists = [found.brushlabels, found.polygonlabels, found.rectanglelabels, found.ellipselabels, found.labels];
  const label = lists.find((list) => list && list.length > 0)?.[0];
  if (label === undefined) throw wrong(at, 'there is no label');
  const [sx, sy] = [painter.width / 100, painter.height / 100];
  const { x = 0, y = 0, width = 0, height = 0, radiusX = 0, radiusY = 0, rotation, points, rle } = found;
  const degrees = rotation ?? 0;
  if (type.startsWith('brush')) {
    if (!rle) throw wrong(within(at, 'rle'), 'the run lengths are missing');
    paintBrush(rle, painter.bitmap(label), painter.width, painter.height, within(at, 'rle'));
  } else if (type.startsWith('polygon')) {
    const ring = (points ?? []).flatMap(([px, py]) => [px * sx, py * sy]);
    painter.fill(label, [ring], within(at, 'points'));
  } else if (type.startsWith('rectangle')) {
    // Label Studio turns rectangles around their upper left corner.
    const [left, top, w, h] = [(x ?? 0) * sx, (y ?? 0) * sy, (width ?? 0) * sx, (height ?? 0) * sy];
    const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
    const corner = (dx: number, dy: number) => [left + dx * cos - dy * sin, top + dx * sin + dy * cos];
    painter.fill(label, [[...corner(0, 0), ...corner(w, 0), ...corner(w, h), ...corner(0, h)]], at);
  } else painter.ellipse(label, (x ?? 0) * sx, (y ?? 0) * sy, (radiusX ?? 0) * sx, (radiusY ?? 0) * sy, at, degrees);
}

/** The annotation that counts: the one marked as ground truth, else the last that was not cancelled. */
function chosen(task: Task): number {
  const valid = task.annotations.flatMap(({ was_cancelled }, i) => (was_cancelled ? [] : [i]));
  return valid.find((i) => task.annotations[i].ground_truth) ?? valid[valid.length - 1] ?? -1;
}

function readTask(task: Task, place: Place, { leftOut }: ReadOptions): LabelledImage | undefined {
  const path = pathOf(task, place);
  const which = chosen(task);
  // Without an annotation nobody has looked at it yet.
  if (which < 0) return undefined;
  const { result } = task.annotations[which];
  const at = within(within(within(place, 'annotations'), which), 'result');
  const [width, height] = [0, 1].map((i) => {
    const said = result.find(({ original_width }) => original_width)?.[i === 0 ? 'original_width' : 'original_height'];
    const noted = task.data[i === 0 ? 'width' : 'height'];
    return said ?? (typeof noted === 'number' ? noted : 0);
  });
  if (result.length === 0 && (width === 0 || height === 0))
    return { path, width: 0, height: 0, state: 'good', layers: [] };
  const painter = new Painter(width, height, within(at, 'original_width'));
  let unread = 0;
  for (const [i, entry] of result.entries()) {
    const field = within(at, i);
    if (!AREAS.has(entry.type)) {
      unread++;
      leftOut({ path, reason: `${field.field} is a ${entry.type}, which is no area` });
      continue;
    }
    if (entry.image_rotation) throw wrong(within(field, 'image_rotation'), 'pictures that were turned are not read');
    if ((entry.original_width ?? width) !== width || (entry.original_height ?? height) !== height)
      throw wrong(within(field, 'original_width'), `not ${width} x ${height} as in the other regions`);
    paint(painter, entry, field);
  }
  const image = painter.finish(path);
  return image.layers.length > 0 || unread === 0 ? image : undefined;
}

const escapeAttribute = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

export const labelStudio: Format = {
  name: 'labelstudio',
  describe: 'Label Studio tasks with brush masks',
  exactness: 'exact',

  async write(images, target, { pictureOf, leftOut }) {
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
      const missing = pictureOf && (await target.copy(pictureOf(image), `${PICTURES}/${path}`, path));
      if (missing) leftOut({ path, reason: missing });
      if (rows.length === TASKS_A_FILE) await flush();
    }
    if (rows.length > 0 || count === 0) await flush();
    const labelTags = [...types].map((type) => `    <Label value="${escapeAttribute(type)}"/>\n`).join('');
    const head = '<View>\n  <Image name="image" value="$image"/>\n  <BrushLabels name="defect" toName="image">\n';
    await target.write(CONFIG, pieces([head, labelTags, '  </BrushLabels>\n</View>\n']));
  },

  async *read(source, options) {
    const names = filesEnding(source, '.json').filter((name) => name !== RECORDS_FILE);
    if (names.length === 0) throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: 'there is no .json file' });
    const seen = new Set<string>();
    for (const name of names) {
      const display = source.display(name);
      for (const [i, task] of parseJson(await source.read(name), display, tasks).entries()) {
        const image = readTask(task, { file: display, field: `[${i}]` }, options);
        if (!image) continue;
        if (seen.has(image.path))
          throw fail('ADC_EXCHANGE_NAME', { name: image.path, path: display, what: 'it is there twice' });
        seen.add(image.path);
        yield image;
      }
    }
  },
};
