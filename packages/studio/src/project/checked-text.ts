/** YAML and JSON that people edit, checked against a schema; what does not fit is named by line and field. */
import { type Document, isMap, isNode, isPair, LineCounter, parseDocument } from 'yaml';
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
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const broken = document.errors[0];
  if (broken) {
    const said = (broken.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
    const what = broken.code === 'MULTIPLE_DOCS' ? 'a second document begins here' : said;
    throw refuse({ line: broken.linePos?.[0].line ?? 1, field: language, what });
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // Aliases of anchors that are not there, or that grow without end.
    throw refuse({ line: 1, field: language, what: (error as Error).message });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = unknown === undefined ? issue.path : [...issue.path, unknown];
  const offset = unknown === undefined ? offsetOf(document, issue.path) : offsetOfKey(document, issue.path, unknown);
  const what = unknown === undefined ? faultOf(issue, document.getIn(issue.path)) : 'there is no such field';
  throw refuse({ line: lines.linePos(offset).line || 1, field: fieldName(field), what });
}
