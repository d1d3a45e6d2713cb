/** What the cases about labels share: small projects, and label files as other tools write them, sound or with a flaw. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeMask, writePng } from '@adclick/core';
import { type Rle, rleArea } from '@adclick/core/geometry';
import { encodeIndexedPng, encodePng } from '@adclick/core/image';
import { onTestFinished } from 'vitest';
import type { Format } from '../../src/api.ts';
import { boundsOf } from '../../src/exchange/painter.ts';
import { openMemory } from '../../src/exchange/source.ts';
import { type ImportRequest, importLabels } from '../../src/exchange/transfer.ts';
import type { ImportReport, LabelledImage } from '../../src/exchange/types.ts';
import { openLabels } from '../../src/open-labels.ts';
import { nameOf, withoutEnding } from '../../src/path-parts.ts';
import { openProject, PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { Studio } from '../../src/studio.ts';

/** Size of all pictures of the cases. */
export const SIZE = { width: 32, height: 24 } as const;

/** Left, top, width, height. */
export type Area = readonly [x: number, y: number, width: number, height: number];

/** What can be wrong with one annotation; not every format can have each. */
export type Flaw = 'empty' | 'outside' | 'unreadable' | 'unknown';

/** An annotation: a rectangle of a type, or one with a flaw. */
export interface Region {
  readonly type: string;
  readonly area?: Area;
  readonly flaw?: Flaw;
}

/** A picture as the other tool knows it. */
export interface Marked {
  /** Name, with folders where the tool keeps them. */
  readonly name: string;
  readonly regions: readonly Region[];
  readonly width?: number;
  readonly height?: number;
}

export type Files = Map<string, Uint8Array>;

/** Flaws that a format's annotations can have: masks in pictures of their own lie nowhere outside, names stand in some files themselves. */
export const FLAWS: Readonly<Record<Format, readonly Flaw[]>> = {
  mvtec: ['empty', 'unreadable'],
  voc: ['empty', 'unreadable', 'unknown'],
  coco: ['empty', 'outside', 'unreadable', 'unknown'],
  yolo: ['empty', 'outside', 'unreadable', 'unknown'],
  labelstudio: ['empty', 'outside', 'unreadable', 'unknown'],
  cvat: ['empty', 'outside', 'unreadable', 'unknown'],
  datumaro: ['empty', 'outside', 'unreadable', 'unknown'],
  labelme: ['empty', 'outside', 'unreadable', 'unknown'],
};

/** Corners of a region: a rectangle, a hairline between two rows of pixels, or one beside the picture. */
function cornersOf({ area = [4, 5, 6, 7], flaw }: Region): [x: number, y: number][] {
  const [x, y, w, h] = flaw === 'empty' ? [4.6, 5.1, 0.3, 9] : flaw === 'outside' ? [400, 300, 6, 7] : area;
  return [
    [x, y],
    [x + w, y],
    [x + w, y + h],
    [x, y + h],
  ];
}

const text = (content: unknown) =>
  new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));

/** Types of the regions, in the order in which they occur. */
const typesIn = (images: readonly Marked[]) => [
  ...new Set(images.flatMap(({ regions }) => regions.map(({ type }) => type))),
];

const sizeOf = ({ width = SIZE.width, height = SIZE.height }: Marked) => ({ width, height });

/** A bitmap of regions, the number of each in its pixels. */
function painted(image: Marked, regions: readonly Region[], number: (region: Region) => number): Uint8Array {
  const { width, height } = sizeOf(image);
  const data = new Uint8Array(width * height);
  for (const region of regions) {
    if (region.flaw === 'empty') continue;
    const [left, top, w, h] = region.area ?? [4, 5, 6, 7];
    for (let y = top; y < top + h; y++) data.fill(number(region), y * width + left, y * width + left + w);
  }
  return data;
}

/** The first half of a file, as an interrupted copy leaves it. */
const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);

const flat = (image: Marked) =>
  encodePng({ data: new Uint8Array(sizeOf(image).width * sizeOf(image).height), ...sizeOf(image), channels: 1 });

type Writer = (images: readonly Marked[], types: readonly string[], files: Files) => Promise<void> | void;

const WRITERS: Readonly<Record<Format, Writer>> = {
  // As pycocotools' documentation has it: polygons, numbers for pictures and categories.
  coco(images, types, files) {
    const rows = images.map((image, i) => ({ id: i + 1, file_name: image.name, ...sizeOf(image) }));
    const annotations = images.flatMap(({ regions }, i) =>
      regions.map((region) => ({
        image_id: i + 1,
        category_id: region.flaw === 'unknown' ? 99 : types.indexOf(region.type) + 1,
        iscrowd: 0,
        area: 1,
        bbox: region.flaw === 'unreadable' ? 'left' : [0, 0, 0, 0],
        segmentation: region.flaw === 'unreadable' ? [[1, 2, 3]] : [cornersOf(region).flat()],
      })),
    );
    const categories = types.map((name, i) => ({ id: i + 1, name, supercategory: '' }));
    files.set('annotations/instances.json', text({ images: rows, annotations, categories }));
  },

  // As Ultralytics' data sets: polygons in shares of the picture.
  async yolo(images, types, files) {
    files.set('data.yaml', text(`path: .\ntrain: images\nnames:\n${types.map((t, i) => `  ${i}: ${t}\n`).join('')}`));
    for (const image of images) {
      const { width, height } = sizeOf(image);
      const lines = image.regions.map((region) => {
        const shares = cornersOf(region).flatMap(([x, y]) => [(x / width).toFixed(6), (y / height).toFixed(6)]);
        if (region.flaw === 'unreadable') shares[3] = 'nan?';
        return `${region.flaw === 'unknown' ? 99 : types.indexOf(region.type)} ${shares.join(' ')}\n`;
      });
      files.set(`labels/${withoutEnding(image.name)}.txt`, text(lines.join('')));
      files.set(`images/${image.name}`, await flat(image));
    }
  },

  // As CVAT and Datumaro write it: numbers into the palette, labels with VOC's colours.
  voc(images, types, files) {
    const palette = Array.from({ length: 256 }, (_, i) => colourOf(i));
    const lines = types.map((type, i) => `${type}:${palette[i + 1]?.join(',')}::\n`);
    files.set('labelmap.txt', text(`# label:color_rgb:parts:actions\nbackground:0,0,0::\n${lines.join('')}`));
    const taken = new Set<string>();
    for (const image of images) {
      const { width, height } = sizeOf(image);
      const plain = withoutEnding(image.name);
      const stem = taken.has(plain) ? `${plain}-2` : plain;
      taken.add(stem);
      const number = ({ type, flaw }: Region) => (flaw === 'unknown' ? 99 : types.indexOf(type) + 1);
      const mask = encodeIndexedPng(painted(image, image.regions, number), width, height, palette);
      const broken = image.regions.some(({ flaw }) => flaw === 'unreadable');
      files.set(`SegmentationClass/${stem}.png`, broken ? half(mask) : mask);
      const objects = image.regions.map(({ type }) => `<object><name>${type}</name></object>`);
      files.set(
        `Annotations/${stem}.xml`,
        text(`<annotation><filename>${nameOf(image.name)}</filename>${objects.join('')}</annotation>`),
      );
    }
    files.set('ImageSets/Segmentation/default.txt', text([...taken].map((stem) => `${stem}\n`).join('')));
  },

  // As Label Studio exports uploads: polygons in percent.
  labelstudio(images, _, files) {
    const tasks = images.map((image, i) => ({
      id: i + 1,
      data: { image: `/data/upload/1/0a1b2c3d-${image.name}` },
      annotations: [
        {
          id: i + 1,
          was_cancelled: false,
          result: image.regions.map((region) => ({
            id: `r${i}`,
            type: 'polygonlabels',
            from_name: 'label',
            to_name: 'image',
            original_width: sizeOf(image).width,
            original_height: sizeOf(image).height,
            image_rotation: 0,
            value: {
              points:
                region.flaw === 'unreadable'
                  ? [[1], ['a', 'b']]
                  : cornersOf(region).map(([x, y]) => [
                      (100 * x) / sizeOf(image).width,
                      (100 * y) / sizeOf(image).height,
                    ]),
              closed: true,
              polygonlabels: region.flaw === 'unknown' ? [] : [region.type],
            },
          })),
        },
      ],
    }));
    files.set('project-1.json', text(tasks));
  },

  // As CVAT for images 1.1.
  cvat(images, _, files) {
    const rows = images.map((image, i) => {
      const shapes = image.regions.map((region) => {
        const points = cornersOf(region).map((point) => point.map((value) => value.toFixed(2)).join(','));
        if (region.flaw === 'unreadable') points[1] = '3';
        return `<polygon label="${region.flaw === 'unknown' ? '' : region.type}" source="manual" occluded="0" points="${points.join(';')}" z_order="0"></polygon>`;
      });
      const { width, height } = sizeOf(image);
      return `<image id="${i}" name="${image.name}" width="${width}" height="${height}">${shapes.join('')}</image>\n`;
    });
    files.set(
      'annotations.xml',
      text(
        `<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>\n${rows.join('')}</annotations>\n`,
      ),
    );
  },

  // As Datumaro 1.
  datumaro(images, types, files) {
    const items = images.map((image) => ({
      id: withoutEnding(image.name),
      attr: {},
      image: { path: image.name, size: [sizeOf(image).height, sizeOf(image).width] },
      annotations: image.regions.map((region, i) => ({
        id: i,
        type: 'polygon',
        attributes: {},
        group: 0,
        label_id: region.flaw === 'unknown' ? 99 : types.indexOf(region.type),
        points: region.flaw === 'unreadable' ? [1, 2, 3] : cornersOf(region).flat(),
        z_order: 0,
      })),
    }));
    const labels = types.map((name) => ({ name, parent: '', attributes: [] }));
    const content = { dm_format_version: '1.0', infos: {}, categories: { label: { labels, attributes: [] } }, items };
    files.set('annotations/train.json', text(content));
  },

  // As labelme 5: a file a picture, polygons in pixels.
  labelme(images, _, files) {
    for (const image of images) {
      const shapes = image.regions.map((region) => ({
        label: region.flaw === 'unknown' ? '' : region.type,
        points: region.flaw === 'unreadable' ? [[1], [2]] : cornersOf(region),
        group_id: null,
        description: '',
        shape_type: 'polygon',
        flags: {},
        mask: null,
      }));
      const { width, height } = sizeOf(image);
      const content = {
        version: '5.5.0',
        flags: {},
        shapes,
        imagePath: nameOf(image.name),
        imageData: null,
        imageHeight: height,
        imageWidth: width,
      };
      const stem = withoutEnding(image.name);
      files.set(files.has(`${stem}.json`) ? `${image.name}.json` : `${stem}.json`, text(content));
    }
  },

  // As MVTec AD is published: a mask a picture, in a folder of its type; with the picture's ending where its name alone says too little.
  async mvtec(images, _, files) {
    for (const image of images) {
      const name = nameOf(image.name);
      const stem = withoutEnding(name);
      if (image.regions.length === 0) files.set(`test/good/${name}`, await flat(image));
      for (const type of typesIn([image])) {
        const regions = image.regions.filter((region) => region.type === type);
        const mask = await encodePng({ data: painted(image, regions, () => 255), ...sizeOf(image), channels: 1 });
        const broken = regions.some(({ flaw }) => flaw === 'unreadable');
        const short = `ground_truth/${type}/${stem}_mask.png`;
        files.set(files.has(short) ? `ground_truth/${type}/${name}_mask.png` : short, broken ? half(mask) : mask);
        files.set(`test/${type}/${name}`, await flat(image));
      }
    }
  },
};

/** Colour of a class of VOC: the bits of its number, three at a time, from the highest of red, green and blue down. */
export function colourOf(index: number): [number, number, number] {
  const at = (c: number) =>
    Array.from({ length: 8 }, (_, bit) => ((index >> (3 * bit + c)) & 1) << (7 - bit)).reduce((a, b) => a | b);
  return [at(0), at(1), at(2)];
}

/** Files of labels as another tool writes them in that format. */
export async function labelFiles(format: Format, images: readonly Marked[]): Promise<Files> {
  const files: Files = new Map();
  await WRITERS[format](images, typesIn(images), files);
  return files;
}

/** A folder that is gone after the test. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'adclick-cases-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Puts files on disk. */
export async function putFiles(root: string, files: Files): Promise<void> {
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), bytes);
  }
}

/** Grey values differ from picture to picture, so that each has a content of its own. */
let shades = 0;

/** Writes a picture of one colour. PNG whatever the ending says; content decides. */
export async function putPicture(
  root: string,
  path: string,
  { width, height }: { width: number; height: number } = SIZE,
) {
  const data = new Uint8Array(width * height * 3).fill(60 + (shades++ % 150));
  data[0] = shades % 256;
  await writePng(join(root, path), { data, width, height, channels: 3 });
}

/** A bitmap with areas set. */
export function bitmap(...areas: readonly Area[]): Uint8Array {
  return painted(
    { name: '', regions: [] },
    areas.map((area) => ({ type: '', area })),
    () => 1,
  );
}

/** Writes a mask file into a project, with these areas set. */
export const putMask = (root: string, path: string, ...areas: readonly Area[]) =>
  writeMask(join(root, path), { data: bitmap(...areas), ...SIZE, channels: 1 });

/** A project of one category with a good picture and these to label. */
export async function makeProject(pictures: readonly string[], { database = false } = {}): Promise<string> {
  const root = await folder();
  for (const path of ['train/good/g0.png', ...pictures]) await putPicture(root, path);
  await mkdir(join(root, 'test'), { recursive: true });
  const settings = { good: ['train/good'], test: ['test'], masks: 'ground_truth', defects: ['scratch'] };
  await writeProject(join(root, PROJECT_FILE), { categories: { part: settings } });
  if (database) await (await openStudio(root)).close();
  return root;
}

/** Opens a project for labelling without models; whoever calls closes it. */
export async function openStudio(root: string): Promise<Studio> {
  return Studio.open(await openProject(root), { background: false });
}

/** Imports files as `adclick import` does. */
export async function importFiles(
  root: string,
  format: Format,
  files: Files,
  options: Partial<ImportRequest> = {},
): Promise<ImportReport> {
  const { store, close } = await openLabels(root, 'ada', format);
  return importLabels(store, { format, source: openMemory(files), ...options }).finally(close);
}

/** What is known of a picture, as text: `good`, `todo`, or `scratch 4,5 6x7 42`: type, bounds, pixels. */
export function said({ state, layers }: LabelledImage): string {
  if (layers.length === 0) return state;
  const areas = layers.map(({ type, rle }) => `${type} ${boundsText(rle)} ${rleArea(rle)}`);
  return `${state === 'defect' ? '' : `${state} `}${areas.sort().join('; ')}`;
}

function boundsText(rle: Rle): string {
  const box = boundsOf(rle);
  return box ? `${box.x},${box.y} ${box.width}x${box.height}` : 'nothing';
}

/** What is known of every picture to label, by path; see {@link said}. */
export async function labelsOf(root: string): Promise<Record<string, string>> {
  const { store, close } = await openLabels(root, 'ada', 'test');
  const found: Record<string, string> = {};
  for await (const image of store.images()) if (!image.reference) found[image.path] = said(image);
  await close();
  return found;
}

/** Names of all files below a folder, sorted, with `/` between their parts. */
export async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(root.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
}

/** Bytes of every file below a folder, by name. */
export async function contentBelow(root: string): Promise<Record<string, string>> {
  const names = await filesBelow(root);
  const read = async (name: string) => [name, (await readFile(join(root, name))).toString('base64')] as const;
  return Object.fromEntries(await Promise.all(names.map(read)));
}
