/** YAML and JSON that people edit, checked against a schema; what does not fit is named by line and field. */
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';

/** What is wrong in a text, and where. */
export interface Misfit {
  /** Counted from 1. */
  readonly line: number;
  readonly field: string;
  readonly what: string;
}

type Path = readonly PropertyKey[];

/** Offset of the value at a path, or of its nearest parent. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

/** Offset of a key of the map at a path. */
function offsetOfKey(document: Document, path: Path, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (isMap(map)) {
    const pair = map.items.find((item) => isPair(item) && String(item.key) === key);
    if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0];
  }
  return offsetOf(document, path);
}

const fieldName = (path: Path) => path.map(String).join('.') || 'the whole file';

/** What is wrong with a value, in words. */
function faultOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === 'invalid_value')
    return `${JSON.stringify(value) ?? 'nothing'} is not ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.join(', ')}`;
  if (issue.code === 'invalid_type' && issue.expected === 'int') return `${JSON.stringify(value)} is no whole number`;
  return issue.message;
}

/** A key that stands in a map a second time; the parser's own look for them takes time with the square of their number. */
function keyTwice(document: Document): { readonly key: string; readonly offset: number } | undefined {
  let found: { key: string; offset: number } | undefined;
  visit(document, {
    Map(_, { items }) {
      const keys = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (keys.has(key.value)) {
          found = { key: String(key.value), offset: key.range?.[0] ?? 0 };
          return visit.BREAK;
        }
        keys.add(key.value);
      }
      return undefined;
    },
  });
  return found;
}

/** Where the first alias stands, which whatever is wrong with aliases begins with. */
function offsetOfAlias(document: Document): number {
  let offset = 0;
  visit(document, {
    Alias(_, { range }) {
      offset = range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

/** Keys that stand twice are looked for here. */
const PARSING = { uniqueKeys: false, prettyErrors: false, logLevel: 'error' } as const;

/** What the parser says, but where it ran out of its stack. */
const saidOf = (error: unknown): string =>
  error instanceof RangeError || /call stack/.test(String(error)) ? 'it nests too deep' : (error as Error).message;

/**
 * A text as a YAML document without a fault.
 * @param refuse makes the error of the first fault.
 * @param options.language named in it. @param options.plain takes every scalar as the text that stands there, and no aliases.
 */
export function parseYaml(
  text: string,
  refuse: (misfit: Misfit) => Error,
  { language = 'YAML', plain = false }: { readonly language?: string; readonly plain?: boolean } = {},
) {
  const lines = new LineCounter();
  const lineAt = (offset: number) => lines.linePos(offset).line || 1;
  const wrong = (offset: number, what: string) => refuse({ line: lineAt(offset), field: language, what });
  let document: Document;
  let value: unknown;
  try {
    document = parseDocument(text, { ...PARSING, lineCounter: lines, ...(plain ? { schema: 'failsafe' } : {}) });
  } catch (error) {
    throw wrong(0, saidOf(error));
  }
  const broken = document.errors[0];
  if (broken)
    throw wrong(broken.pos[0], broken.code === 'MULTIPLE_DOCS' ? 'a second document begins here' : saidOf(broken));
  try {
    const twice = keyTwice(document);
    if (twice) throw wrong(twice.offset, `the key ${twice.key} stands there twice`);
    value = document.toJS(plain ? { maxAliasCount: 0 } : {});
  } catch (error) {
    if (!(error instanceof ReferenceError || error instanceof RangeError)) throw error;
    // Aliases of anchors that are not there, or that grow without end.
    throw wrong(error instanceof ReferenceError ? offsetOfAlias(document) : 0, saidOf(error));
  }
  return { document, value, lineAt };
}

/**
 * Parses and checks a text; JSON is taken as the YAML that it is.
 * @param refuse makes the error of the first misfit.
 * @param language named where the text does not even parse.
 */
export function checkText<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  refuse: (misfit: Misfit) => Error,
  language = 'YAML',
): z.infer<Schema> {
  const { document, value, lineAt } = parseYaml(text, refuse, { language });
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = unknown === undefined ? issue.path : [...issue.path, unknown];
  const offset = unknown === undefined ? offsetOf(document, issue.path) : offsetOfKey(document, issue.path, unknown);
  const what = unknown === undefined ? faultOf(issue, document.getIn(issue.path)) : 'there is no such field';
  throw refuse({ line: lineAt(offset), field: fieldName(field), what });
}
