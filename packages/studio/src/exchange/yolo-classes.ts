/** What the classes of a YOLO data set are called: its YAML file, or a plain list of names. */
import { z } from 'zod';
import { fail } from '../errors.ts';
import { parseYaml } from '../project/checked-text.ts';
import type { ReadOptions } from './format.ts';
import { decodeText, linesOf, parsePart } from './json.ts';
import { wrong } from './place.ts';
import { orLeaveOut } from './reading.ts';
import { filesEnding, type Source } from './source.ts';

/** Bytes that a file of names may have. */
const MOST_NAMES = 2 ** 20;
/** labelImg's and darknet's lists. */
const LIST = /(?:^|\/)classes\.txt$|\.names$/i;

const index = z.string().regex(/^\d{1,9}$/, 'a class is a number');
const byIndex = z.record(index, z.string());
// Every scalar is read as the text that stands there.
const none = z.literal('').transform((): string[] => []);
const settings = z.object({
  names: z.union([z.array(z.string()), byIndex, z.array(byIndex), none]).optional(),
  nc: z
    .string()
    .regex(/^\d{1,6}$/, 'it is no number of classes')
    .optional(),
  kpt_shape: z.tuple([index, z.enum(['2', '3'])]).optional(),
});

/** Names by class. */
export interface Classes {
  readonly names: ReadonlyMap<number, string>;
  /** Key points after the box of each line, and numbers of each. */
  readonly keypoints?: { readonly count: number; readonly numbers: number };
}

interface Found extends Classes {
  readonly file: string;
}

/** The classes in a YAML file; undefined when it is about something else, such as the settings of a training. */
function readYaml(text: string, file: string): Found | undefined {
  // No aliases, so that a few lines cannot become many.
  const { value: content } = parseYaml(text, ({ line, what }) => wrong({ file, field: `line ${line}` }, what), {
    plain: true,
  });
  if (typeof content !== 'object' || content === null) return undefined;
  // Files of models have a number of classes as well, but no pictures.
  const isSet = 'nc' in content && ['train', 'val', 'test', 'path'].some((key) => key in content);
  if (!('names' in content) && !isSet) return undefined;
  const { names: list, nc, kpt_shape } = parsePart(content, { file, field: '' }, settings);
  const entries = Array.isArray(list)
    ? list.flatMap((name, i) => (typeof name === 'string' ? [[String(i), name]] : Object.entries(name)))
    : Object.entries(list ?? {});
  const names = new Map(entries.map(([key, name]) => [Number(key), name.trim()] as const));
  if (names.size !== entries.length) throw wrong({ file, field: 'names' }, 'a class is there twice');
  const count = nc === undefined ? names.size : Number(nc);
  if (list === undefined) for (let i = 0; i < count; i++) names.set(i, `class_${i}`);
  if (names.size !== count) throw wrong({ file, field: 'nc' }, `it is ${count}, but there are ${names.size} names`);
  const keypoints = kpt_shape && { count: Number(kpt_shape[0]), numbers: Number(kpt_shape[1]) };
  return { file, names, ...(keypoints ? { keypoints } : {}) };
}

/** A line a class. */
function readList(text: string, file: string): Found {
  const names = linesOf(text).flatMap((line, i) => (line.trim() === '' ? [] : [[i, line.trim()] as const]));
  return { file, names: new Map(names) };
}

const sameNames = (a: Found, b: Found) =>
  a.names.size === b.names.size && [...a.names].every(([key, name]) => b.names.get(key) === name);

/**
 * The classes of a data set, from every file that says something of them.
 * @throws ADC_EXCHANGE_EMPTY when none does, ADC_EXCHANGE_FILE when two contradict each other or none can be read.
 */
export async function readClasses(source: Source, leftOut: ReadOptions['leftOut']): Promise<Classes> {
  const found: Found[] = [];
  const refused: Parameters<typeof leftOut>[0][] = [];
  const files = [...filesEnding(source, '.yaml', '.yml'), ...source.files.filter((name) => LIST.test(name))];
  const open = async (name: string) => {
    const file = source.display(name);
    const text = decodeText(await source.read(name), file, MOST_NAMES);
    const classes = LIST.test(name) ? readList(text, file) : readYaml(text, file);
    if (classes) found.push(classes);
  };
  for (const name of files)
    await orLeaveOut(
      (entry) => refused.push(entry),
      { path: name },
      () => open(name),
    );
  // A data set of nothing but good pictures has no classes.
  const first = found.find(({ names }) => names.size > 0) ?? found[0];
  if (first === undefined && refused.length > 0) for (const name of files) await open(name);
  if (first === undefined)
    throw fail('ADC_EXCHANGE_EMPTY', {
      path: source.path,
      what: 'there is no .yaml file with names of classes, and neither classes.txt nor obj.names',
    });
  const other = found.find((classes) => classes.names.size > 0 && !sameNames(classes, first));
  if (other) throw wrong({ file: other.file, field: 'names' }, `they are not those of ${first.file}`);
  for (const entry of refused) leftOut(entry);
  return found.find(({ keypoints }) => keypoints) ?? first;
}
