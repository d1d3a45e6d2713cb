/** Reading JSON that others wrote: limits before parsing, a schema after it, errors that name the field. */
import { z } from 'zod';
import { fail } from '../errors.ts';
import { type Place, wrong } from './place.ts';

/** Nested lists and objects that a file may have; no format needs more than ten. */
const DEEPEST = 64;

/** Lists and objects, and values in them, that a file may have: what a parser makes of them is many times larger than the text. */
const MOST_CONTAINERS = 4_000_000;
const MOST_VALUES = 40_000_000;

/** How deep brackets nest, and how many there are; those inside texts do not count. */
function measure(text: string): { deepest: number; containers: number; values: number } {
  let [depth, deepest, containers, values] = [0, 0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) i = endOfText(text, i) - 1;
    else if (code === 0x5b || code === 0x7b) {
      containers++;
      deepest = Math.max(deepest, ++depth);
    } else if (code === 0x5d || code === 0x7d) depth--;
    else if (code === 0x2c) values++;
  }
  return { deepest, containers, values };
}

/**
 * The text of a file, without its byte order mark: UTF-8, or UTF-16 where the mark says so, as shells of Windows write it.
 * @param most bytes that such a file may have. @throws ADC_EXCHANGE_FILE when it is neither, ADC_EXCHANGE_LIMIT.
 */
export function decodeText(bytes: Uint8Array, file: string, most = Number.POSITIVE_INFINITY): string {
  if (bytes.length > most)
    throw fail('ADC_EXCHANGE_LIMIT', { path: file, what: `it has ${bytes.length} bytes, more than ${most}` });
  const marks: Readonly<Record<number, string>> = { 65534: 'utf-16le', 65279: 'utf-16be' };
  const mark = marks[((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)];
  try {
    return new TextDecoder(mark ?? 'utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw wrong({ file, field: 'the whole file' }, 'it is no text in UTF-8; save it as UTF-8', error);
  }
}

/** Lines of a text, whichever system wrote it. */
export const linesOf = (text: string): string[] => text.split(/\r\n|\r|\n/);

/** `annotations[3].segmentation` of a zod path. */
export const fieldName = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '') || 'the whole file';

/** What a check says, in words: "it is missing" for a field that is not there. */
function issueText(issue: z.core.$ZodIssue | undefined): string {
  const message = issue?.message ?? 'not as expected';
  return message.endsWith('received undefined') ? 'it is missing' : message;
}

/** Deepest issue of a failed check: of several shapes that were tried, the one that came furthest. */
function furthest(issues: readonly z.core.$ZodIssue[], base: readonly PropertyKey[]): [PropertyKey[], string] {
  let best: [PropertyKey[], string] = [[...base], issueText(issues[0])];
  for (const issue of issues) {
    const path = [...base, ...issue.path];
    const found: [PropertyKey[], string] =
      issue.code === 'invalid_union' && issue.errors.length > 0
        ? furthest(issue.errors.flat(), path)
        : [path, issueText(issue)];
    if (found[0].length > best[0].length) best = found;
  }
  return best;
}

/** What Python writes for numbers that are none. */
const NO_NUMBER = /-?\b(?:NaN|Infinity)\b/g;

/** Place behind the text that a quotation mark begins. */
function endOfText(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1;
  return at + 1;
}

/** Makes a text of what is no number; texts stay as they are. */
function withoutNoNumbers(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    parts.push(text.slice(at, end).replace(NO_NUMBER, '"$&"'));
    at = quote < 0 ? end : endOfText(text, quote);
    if (quote >= 0) parts.push(text.slice(quote, at));
  }
  return parts.join('');
}

/** The value of a text. What is no number becomes a text, so that whatever needs a number there is refused by itself. */
function parseText(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const refused = wrong({ file, field: 'JSON' }, (error as Error).message.slice(0, 200), error);
    if (!/NaN|Infinity/.test(text)) throw refused;
    try {
      return JSON.parse(withoutNoNumbers(text));
    } catch {
      throw refused;
    }
  }
}

/** Parses and checks a JSON file. @throws ADC_EXCHANGE_FILE naming the field, ADC_EXCHANGE_LIMIT. */
export function parseJson<T>(bytes: Uint8Array, file: string, schema: z.ZodType<T>): T {
  const text = decodeText(bytes, file);
  const { deepest, containers, values } = measure(text);
  const tooMuch = (what: string) => fail('ADC_EXCHANGE_LIMIT', { path: file, what });
  if (deepest > DEEPEST) throw tooMuch(`it nests more than ${DEEPEST} deep`);
  if (containers > MOST_CONTAINERS || values > MOST_VALUES) throw tooMuch(`it has more than ${MOST_VALUES} values`);
  return parsePart(parseText(text, file), { file, field: '' }, schema);
}

/** Checks a part of a file. @throws ADC_EXCHANGE_FILE naming the field. */
export function parsePart<T>(value: unknown, { file, field }: Place, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [path, what] = furthest(result.error.issues, []);
  throw wrong({ file, field: fieldName([...(field === '' ? [] : [field]), ...path]) }, what);
}

const encoder = new TextEncoder();

/** Bytes of a text. */
export const textBytes = (text: string): Uint8Array => encoder.encode(text);

/** A JSON list as pieces, a line an element, so that it never is one text in memory. */
export function* jsonList(elements: Iterable<string>): Generator<string> {
  let first = true;
  yield '[';
  for (const element of elements) {
    yield `${first ? '\n' : ',\n'}${element}`;
    first = false;
  }
  yield '\n]';
}

/** Bytes of texts, gathered into pieces worth writing. */
export function* pieces(texts: Iterable<string>): Generator<Uint8Array> {
  let gathered = '';
  for (const text of texts) {
    gathered += text;
    if (gathered.length < 65_536) continue;
    yield textBytes(gathered);
    gathered = '';
  }
  yield textBytes(gathered);
}

/** A finite number. */
export const number = z.number();

/**
 * A list whose first misfit alone is told: of millions, what is told of each would fill memory.
 * @param quick tells most elements that fit without a closer look.
 */
export function listOf<T>(schema: z.ZodType<T>, most: number, quick: (value: unknown) => boolean = () => false) {
  return z
    .array(z.unknown())
    .max(most)
    .transform((list, context): T[] => {
      const out: T[] = [];
      for (const [i, value] of list.entries()) {
        const result = quick(value) ? undefined : schema.safeParse(value);
        if (result && !result.success) {
          const [issue] = result.error.issues;
          context.issues.push({ ...issue, path: [i, ...issue.path], input: value } as z.core.$ZodRawIssue);
          return z.NEVER;
        }
        out.push(result ? result.data : (value as T));
      }
      return out;
    });
}

/** Up to so many finite numbers. */
export const numbersUpTo = (most: number) => listOf(number, most, (value) => Number.isFinite(value));
/** A list of x, y pairs in one list. */
export const numbers = numbersUpTo(4_000_000);
