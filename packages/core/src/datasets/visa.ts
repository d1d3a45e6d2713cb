/** The VisA layout: `Data/Images/{Normal,Anomaly}`, `Data/Masks/Anomaly/<name>.png`, split and defect types in CSV files. */
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fail } from '../errors.ts';
import { categoryFolder, folderIn, isFile, listImages, masksOf, pictureName } from './files.ts';
import type { Dataset } from './types.ts';

/** The official split into training and test pictures, beside the categories. */
const SPLIT = join('split_csv', '1cls.csv');

/** Defect types by picture, inside a category. */
const ANNOTATIONS = 'image_anno.csv';

/**
 * Lists one category. Good pictures are divided by `split_csv/1cls.csv`; without it all of them are normals.
 * A picture's type is its label in `image_anno.csv`, `anomaly` without it.
 * @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when there is no good picture.
 */
export async function openVisa(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const name = basename(resolve(root));
  const normalFolder = await folderIn(root, 'Data/Images/Normal');
  const good = await listImages(normalFolder);
  const table = resolve(root, '..', SPLIT);
  const testNames = await testPictures(table, name);
  const inTest = (path: string) => testNames.has(basename(path));
  const normals = good.filter((path) => !inTest(path));
  if (normals.length === 0) throw fail('ADC_NO_NORMALS', { path: normalFolder });
  const types = await defectTypes(join(root, ANNOTATIONS));
  const maskOf = await masksOf(join(root, 'Data', 'Masks', 'Anomaly'));
  const anomalies = await listImages(join(root, 'Data', 'Images', 'Anomaly'));
  return {
    category: name,
    layout: 'visa',
    normals,
    testGood: good.filter(inTest),
    defects: anomalies.map((path) => ({
      path,
      type: types.get(basename(path)) ?? 'anomaly',
      name: pictureName(path),
      maskPaths: [maskOf(path)],
      split: 'test',
    })),
    notes: (await isFile(table))
      ? []
      : [
          `There is no ${table}, which divides VisA's good pictures: all of them are compared with, and none is tested.`,
        ],
  };
}

/** File names of a category's good test pictures. */
async function testPictures(path: string, category: string): Promise<Set<string>> {
  const rows = await readCsv(path);
  return new Set(
    rows
      .filter((row) => row.object === category && row.split === 'test' && row.label === 'normal')
      .map((row) => basename(row.image ?? '')),
  );
}

/** Defect type by file name of the picture. */
async function defectTypes(path: string): Promise<Map<string, string>> {
  const rows = await readCsv(path);
  return new Map(
    rows
      .filter((row) => row.label && row.label !== 'normal')
      .map((row) => [basename(row.image ?? ''), row.label as string]),
  );
}

/** Rows of a CSV file by the names of its header; none when it does not exist. */
async function readCsv(path: string): Promise<Record<string, string | undefined>[]> {
  if (!(await isFile(path))) return [];
  const [header = [], ...rows] = (await readFile(path, 'utf8'))
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map(csvFields);
  return rows.map((row) => Object.fromEntries(header.map((field, i) => [field.trim(), row[i]?.trim()])));
}

/** Fields of one CSV line; quoted ones may hold commas and doubled quotes. */
export function csvFields(line: string): string[] {
  const fields: string[] = [];
  for (const [, quoted, plain] of line.matchAll(/(?<=^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
  return fields;
}
