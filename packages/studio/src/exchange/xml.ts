/** A small strict XML reader for annotation files: elements, attributes, text. No document types, so no entities that multiply. */
import { fail } from '../errors.ts';
import { decodeText } from './json.ts';
import { wrong } from './place.ts';

/** An element with what is inside it. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Text directly inside, without the white space at its ends. */
  readonly text: string;
  /** Line on which it begins, from 1. */
  readonly line: number;
}

interface Open {
  readonly name: string;
  readonly attributes: Map<string, string>;
  readonly children: XmlElement[];
  readonly line: number;
  text: string;
}

const DEEPEST = 64;
const MOST_ELEMENTS = 1_000_000;
const NAME = /[\p{L}_][\p{L}\p{N}_.:-]*/uy;
const ATTRIBUTE = /\s+([\p{L}_][\p{L}\p{N}_.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/uy;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

class Reader {
  private at = 0;
  private line = 1;
  /** Where the line ends that `line` counts. */
  private lineEnd: number;
  private elements = 0;

  constructor(
    private readonly text: string,
    private readonly file: string,
  ) {
    this.lineEnd = text.indexOf('\n');
  }

  private refuse(what: string) {
    return wrong({ file: this.file, field: `line ${this.lineNow()}` }, what);
  }

  private lineNow(): number {
    for (; this.lineEnd >= 0 && this.lineEnd < this.at; this.line++)
      this.lineEnd = this.text.indexOf('\n', this.lineEnd + 1);
    return this.line;
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? undefined;
    if (found) this.at += found[0].length;
    return found;
  }

  private skipPast(end: string, what: string): string {
    const found = this.text.indexOf(end, this.at);
    if (found < 0) throw this.refuse(`${what} has no end`);
    const inside = this.text.slice(this.at, found);
    this.at = found + end.length;
    return inside;
  }

  /** Replaces `&lt;` and the like. */
  private plain(text: string): string {
    if (!text.includes('&')) return text;
    return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w{1,10}));?|&/gi, (whole, hex, decimal, name) => {
      const code = hex ? Number.parseInt(hex, 16) : decimal ? Number(decimal) : undefined;
      const character =
        code === undefined ? ENTITIES[name ?? ''] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
      if (character === undefined || !whole.endsWith(';'))
        throw this.refuse(`${whole.slice(0, 20)} is no known entity`);
      return character;
    });
  }

  read(): XmlElement {
    const stack: Open[] = [];
    let root: XmlElement | undefined;
    while (this.at < this.text.length) {
      const tag = this.text.indexOf('<', this.at);
      const between = this.text.slice(this.at, tag < 0 ? undefined : tag);
      const top = stack[stack.length - 1];
      if (top) top.text += this.plain(between);
      else if (between.trim() !== '') throw this.refuse('text outside of the root element');
      if (tag < 0) break;
      this.at = tag + 1;
      if (this.text.startsWith('!--', this.at)) this.skipPast('-->', 'a comment');
      else if (this.text.startsWith('?', this.at)) this.skipPast('?>', 'an instruction');
      else if (this.text.startsWith('![CDATA[', this.at)) {
        this.at += 8;
        const inside = this.skipPast(']]>', 'a CDATA section');
        if (!top) throw this.refuse('text outside of the root element');
        top.text += inside;
      } else if (this.text.startsWith('!', this.at)) throw this.refuse('document types and entities are not read');
      else if (this.text.startsWith('/', this.at)) {
        this.at++;
        const closed = this.close(stack);
        if (stack.length > 0) stack[stack.length - 1].children.push(closed);
        else root = closed;
      } else {
        if (root) throw this.refuse('more than one root element');
        const element = this.open(stack.length);
        stack.push(element);
        if (this.text.startsWith('/>', this.at)) {
          this.at += 2;
          stack.pop();
          const done = { ...element, text: '' };
          if (stack.length > 0) stack[stack.length - 1].children.push(done);
          else root = done;
        } else if (this.text.startsWith('>', this.at)) this.at++;
        else throw this.refuse(`the tag <${element.name}> is broken`);
      }
    }
    if (stack.length > 0) throw this.refuse(`<${stack[stack.length - 1]?.name}> has no end`);
    if (!root) throw this.refuse('there is no element');
    return root;
  }

  private open(depth: number): Open {
    if (depth >= DEEPEST)
      throw fail('ADC_EXCHANGE_LIMIT', { path: this.file, what: `it nests more than ${DEEPEST} deep` });
    if (++this.elements > MOST_ELEMENTS)
      throw fail('ADC_EXCHANGE_LIMIT', { path: this.file, what: `it has more than ${MOST_ELEMENTS} elements` });
    const name = this.match(NAME)?.[0];
    if (name === undefined) throw this.refuse('a tag has no name');
    const line = this.lineNow();
    const attributes = new Map<string, string>();
    for (let found = this.match(ATTRIBUTE); found; found = this.match(ATTRIBUTE)) {
      const [, key = '', double, single] = found;
      if (attributes.has(key)) throw this.refuse(`${key} is there twice`);
      attributes.set(key, this.plain(double ?? single ?? ''));
    }
    this.match(/\s*/y);
    return { name, attributes, children: [], line, text: '' };
  }

  private close(stack: Open[]): XmlElement {
    const name = this.match(NAME)?.[0] ?? '';
    this.match(/\s*/y);
    const open = stack.pop();
    if (!open || open.name !== name || !this.text.startsWith('>', this.at))
      throw this.refuse(`</${name}> closes ${open ? `<${open.name}>` : 'nothing'}`);
    this.at++;
    return { ...open, text: open.text.trim() };
  }
}

/** Reads a document. @throws ADC_EXCHANGE_FILE naming the line, ADC_EXCHANGE_LIMIT. */
export const parseXml = (text: string, file: string): XmlElement =>
  new Reader(text.replace(/^\uFEFF/, ''), file).read();

/**
 * The text of a document in the encoding that it names, UTF-8 where it names none.
 * @param most bytes that it may have. @throws ADC_EXCHANGE_FILE when it is no text in that encoding, ADC_EXCHANGE_LIMIT.
 */
function decodeXml(bytes: Uint8Array, file: string, most: number): string {
  const head = Buffer.from(bytes.subarray(0, 400)).toString('latin1');
  // In UTF-16 every other byte of the first characters is zero; a byte order mark is seen to already.
  const wide = head.startsWith('<\0') ? 'utf-16le' : head.startsWith('\0<') ? 'utf-16be' : undefined;
  const said = /^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1]?.toLowerCase();
  const encoding = wide ?? said ?? 'utf-8';
  // A text that says UTF-16 in single bytes was in it only inside the program that wrote it.
  if (/^(utf-?8|utf-16)$/.test(encoding)) return decodeText(bytes, file, most);
  if (bytes.length > most)
    throw fail('ADC_EXCHANGE_LIMIT', { path: file, what: `it has ${bytes.length} bytes, more than ${most}` });
  if (/^(iso-8859-1|latin-?1|us-ascii)$/.test(encoding)) return Buffer.from(bytes).toString('latin1');
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    throw wrong({ file, field: 'the whole file' }, `it is no text in ${encoding}`, error);
  }
}

/** Reads a document from its bytes. @throws as {@link parseXml}. */
export const readXml = (bytes: Uint8Array, file: string, most = Number.POSITIVE_INFINITY): XmlElement =>
  parseXml(decodeXml(bytes, file, most), file);

/** A text as the value of an attribute or inside an element; characters that XML cannot hold become U+FFFD. */
export const escapeXml = (text: string): string =>
  text.replace(/[<>&"'\n\t\r]|[^\u0020-\ud7ff\ue000-\u{10ffff}]/gu, (character) => {
    const entity = Object.entries(ENTITIES).find(([, value]) => value === character);
    if (entity) return `&${entity[0]};`;
    return '\n\t\r'.includes(character) ? `&#${character.charCodeAt(0)};` : '\ufffd';
  });

/** First child of a name. */
export const childOf = (element: XmlElement, name: string): XmlElement | undefined =>
  element.children.find((child) => child.name === name);
