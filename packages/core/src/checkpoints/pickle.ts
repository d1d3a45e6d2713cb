/**
 * A machine for Python's pickles that runs nothing: it builds plain containers, and asks its rules for everything that has a name outside
 * of the pickle. Instructions: Python's pickletools, protocols 2 to 5.
 */

/** What a pickle can be made of here. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | PickleTuple
  | PickleDict
  | PickleForeign;

/** A tuple, as Python tells it from a list. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A dict or an OrderedDict. */
export class PickleDict {
  /** By key, in order; keys that are tuples are the same only as objects. */
  readonly entries = new Map<PickleValue, PickleValue>();

  constructor(readonly ordered: boolean) {}
}

/** Something that the rules have given. */
export abstract class PickleForeign {
  /** What it is, for messages: `torch.FloatStorage`. */
  abstract readonly label: string;
}

/** An object of a class that is admitted as a record: attributes that are looked at and not used. */
export class PickleRecord extends PickleForeign {
  /** None before the pickle has set them. */
  attributes: PickleDict | undefined;

  constructor(readonly label: string) {
    super();
  }
}

/** What a pickle may refer to. Every function gives a value, or says why there is none by throwing {@link PickleFault}. */
export interface PickleRules {
  /** What a name of Python stands for. */
  global(module: string, name: string): PickleValue;
  /** What a call gives; `callee` is anything that the pickle has. */
  call(callee: PickleValue, args: PickleTuple): PickleValue;
  /** What a new object of a class is, before its attributes are set. */
  record(type: PickleValue, args: PickleTuple): PickleValue;
  /** What an id stands for whose object lies outside of the pickle. */
  persistent(id: PickleValue): PickleValue;
}

/** Why a pickle is not read. Unsafe: it asks for more than tensors and plain containers. Short: it goes on behind the bytes at hand. */
export class PickleFault extends Error {
  constructor(
    readonly kind: 'unsafe' | 'damaged' | 'short',
    what: string,
    cause?: unknown,
  ) {
    super(what, cause === undefined ? undefined : { cause });
  }
}

export const unsafe = (what: string): PickleFault => new PickleFault('unsafe', what);
export const damaged = (what: string, cause?: unknown): PickleFault => new PickleFault('damaged', what, cause);

/** Values that one pickle may push, where a checkpoint has about thirty a tensor: this many empty dicts take a quarter of a gigabyte. */
const MOST_VALUES = 1_000_000;
/** Bytes of a whole number; PyTorch's magic number has ten. */
const LONGEST_INTEGER = 16;
/** Bytes of one line of text, such as the name of a global. */
const LONGEST_LINE = 1000;
const HIGHEST_PROTOCOL = 5;

/** Instructions that make what is neither a tensor nor a plain container, by their bytes. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [0x82, 'EXT1, an object by a number'],
  [0x83, 'EXT2, an object by a number'],
  [0x84, 'EXT4, an object by a number'],
  [0x6f, 'OBJ, an object of a class'],
  [0x92, 'NEWOBJ_EX, an object of a class'],
  [0x50, 'PERSID, an object by a line of text'],
  [0x42, 'BINBYTES, raw bytes'],
  [0x43, 'SHORT_BINBYTES, raw bytes'],
  [0x8e, 'BINBYTES8, raw bytes'],
  [0x96, 'BYTEARRAY8, raw bytes'],
  [0x97, 'NEXT_BUFFER, bytes from elsewhere'],
  [0x98, 'READONLY_BUFFER, bytes from elsewhere'],
  [0x8f, 'EMPTY_SET, a set'],
  [0x90, 'ADDITEMS, a set'],
  [0x91, 'FROZENSET, a set'],
  [0x46, 'FLOAT, a number as text'],
  [0x4c, 'LONG, a number as text'],
  [0x53, 'STRING, a text of protocol 0'],
  [0x56, 'UNICODE, a text of protocol 0'],
  [0x67, 'GET, of protocol 0'],
  [0x70, 'PUT, of protocol 0'],
]);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What a value is, for messages. */
export function labelOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof PickleTuple) return 'a tuple';
  if (value instanceof PickleDict) return value.ordered ? 'an OrderedDict' : 'a dict';
  if (value instanceof PickleForeign) return value.label;
  return typeof value === 'string' ? 'a text' : 'a number';
}

/** A name from a file as messages can show it. */
export const shownName = (name: string): string =>
  name.length > 100 ? `${name.slice(0, 100)}… (${name.length} characters)` : name;

class Machine {
  private readonly view: DataView;
  private readonly stack: PickleValue[] = [];
  /** Heights of the stack at its open marks. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private pushed = 0;

  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
    private readonly rules: PickleRules,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (;;) {
      const place = this.at;
      const code = this.take(1)[0];
      if (code === 0x2e) return this.end();
      const refused = REFUSED.get(code);
      if (refused !== undefined) throw unsafe(`asks for ${refused}`);
      if (!this.constant(code) && !this.container(code) && !this.remembered(code) && !this.outside(code))
        throw damaged(`byte ${place} (${code}) is no instruction of a pickle`);
    }
  }

  /** STOP: one value is left, and it is the answer. */
  private end(): PickleValue {
    if (this.stack.length !== 1 || this.marks.length > 0)
      throw damaged(`its pickle ends with ${this.stack.length} values instead of one`);
    return this.stack[0];
  }

  private take(count: number): Uint8Array {
    const from = this.at;
    if (!(from + count <= this.bytes.length)) throw new PickleFault('short', 'its pickle is cut off');
    this.at += count;
    return this.bytes.subarray(from, this.at);
  }

  /** A whole number of 1, 2, 4 or 8 bytes without a sign. */
  private count(width: 1 | 2 | 4 | 8): number {
    const from = this.at;
    this.take(width);
    if (width === 1) return this.view.getUint8(from);
    if (width === 2) return this.view.getUint16(from, true);
    return width === 4 ? this.view.getUint32(from, true) : Number(this.view.getBigUint64(from, true));
  }

  private text(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw damaged('a text of its pickle is not UTF-8', cause);
    }
  }

  private line(): string {
    const from = this.at;
    const end = this.bytes.subarray(from, from + LONGEST_LINE).indexOf(0x0a);
    if (end < 0 && from + LONGEST_LINE <= this.bytes.length) throw damaged('a line of its pickle does not end');
    const line = this.take(end < 0 ? LONGEST_LINE : end + 1);
    return this.text(line.subarray(0, -1));
  }

  private push(value: PickleValue): true {
    if (++this.pushed > MOST_VALUES) throw damaged(`its pickle makes more than ${MOST_VALUES} values`);
    this.stack.push(value);
    return true;
  }

  private pop(): PickleValue {
    // What lies below a mark belongs to what is around it.
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw damaged('its pickle takes a value that is not there');
    return this.stack.pop() as PickleValue;
  }

  private top(): PickleValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  /** The values since the last mark, which is closed. */
  private popMark(): PickleValue[] {
    const from = this.marks.pop();
    if (from === undefined) throw damaged('its pickle closes what was not opened');
    return this.stack.splice(from);
  }

  /** Numbers, texts, None and booleans. */
  private constant(code: number): boolean {
    switch (code) {
      case 0x80: // PROTO
        if (this.count(1) > HIGHEST_PROTOCOL) throw damaged('its pickle has a protocol that is not known');
        return true;
      case 0x95: // FRAME
        this.take(8);
        return true;
      case 0x4e: // NONE
        return this.push(null);
      case 0x88: // NEWTRUE
        return this.push(true);
      case 0x89: // NEWFALSE
        return this.push(false);
      case 0x4b: // BININT1
        return this.push(this.count(1));
      case 0x4d: // BININT2
        return this.push(this.count(2));
      case 0x4a: // BININT
        return this.push(this.count(4) | 0);
      case 0x8a: // LONG1
        return this.push(this.integer(this.count(1)));
      case 0x8b: // LONG4
        return this.push(this.integer(this.count(4)));
      case 0x49: // INT
        return this.push(this.writtenInteger());
      case 0x47: // BINFLOAT
        this.take(8);
        return this.push(this.view.getFloat64(this.at - 8));
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING, a text of Python 2
        return this.push(this.text(this.take(this.count(1))));
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING
        return this.push(this.text(this.take(this.count(4))));
      case 0x8d: // BINUNICODE8
        return this.push(this.text(this.take(this.count(8))));
      default:
        return false;
    }
  }

  /** A whole number of so many bytes, the last with the sign. */
  private integer(length: number): number | bigint {
    if (length > LONGEST_INTEGER) throw damaged(`its pickle has a whole number of ${length} bytes`);
    let value = 0n;
    for (const [i, byte] of this.take(length).entries()) value |= BigInt(byte) << BigInt(8 * i);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  /** A whole number as digits, as Python 2 wrote those of more than 32 bits; `00` and `01` are booleans. */
  private writtenInteger(): number | bigint | boolean {
    const line = this.line();
    if (line === '00' || line === '01') return line === '01';
    if (!/^-?\d{1,20}$/.test(line)) throw damaged('a whole number of its pickle is none');
    return Number.isSafeInteger(Number(line)) ? Number(line) : BigInt(line);
  }

  /** Lists, tuples and dicts. */
  private container(code: number): boolean {
    switch (code) {
      case 0x28: // MARK
        if (this.marks.length >= MOST_VALUES) throw damaged('its pickle opens too much');
        this.marks.push(this.stack.length);
        return true;
      case 0x31: // POP_MARK
        this.popMark();
        return true;
      case 0x30: // POP
        if (this.marks.at(-1) === this.stack.length) this.marks.pop();
        else this.pop();
        return true;
      case 0x32: // DUP
        return this.push(this.top());
      case 0x5d: // EMPTY_LIST
        return this.push([]);
      case 0x6c: // LIST
        return this.push(this.popMark());
      case 0x61: // APPEND
        return this.append([this.pop()]);
      case 0x65: // APPENDS
        return this.append(this.popMark());
      case 0x29: // EMPTY_TUPLE
        return this.push(new PickleTuple([]));
      case 0x74: // TUPLE
        return this.push(new PickleTuple(this.popMark()));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: {
        // TUPLE3
        const items = Array.from({ length: code - 0x84 }, () => this.pop()).reverse();
        return this.push(new PickleTuple(items));
      }
      case 0x7d: // EMPTY_DICT
        return this.push(new PickleDict(false));
      case 0x64: {
        // DICT
        const items = this.popMark();
        this.push(new PickleDict(false));
        return this.setItems(items);
      }
      case 0x73: {
        // SETITEM
        const value = this.pop();
        return this.setItems([this.pop(), value]);
      }
      case 0x75: // SETITEMS
        return this.setItems(this.popMark());
      default:
        return false;
    }
  }

  private append(items: readonly PickleValue[]): true {
    const list = this.top();
    if (!Array.isArray(list)) throw damaged(`its pickle appends to ${labelOf(list)}`);
    for (const item of items) list.push(item);
    return true;
  }

  private setItems(items: readonly PickleValue[]): true {
    const dict = this.top();
    if (!(dict instanceof PickleDict)) throw damaged(`its pickle sets items of ${labelOf(dict)}`);
    if (items.length % 2 !== 0) throw damaged('its pickle has a key without a value');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (Array.isArray(key) || key instanceof PickleDict) throw damaged(`its pickle has ${labelOf(key)} as a key`);
      dict.entries.set(key, items[i + 1]);
    }
    return true;
  }

  /** The memo: values that are used again. */
  private remembered(code: number): boolean {
    switch (code) {
      case 0x71: // BINPUT
        return this.remember(this.count(1));
      case 0x72: // LONG_BINPUT
        return this.remember(this.count(4));
      case 0x94: // MEMOIZE
        return this.remember(this.memo.size);
      case 0x68: // BINGET
        return this.recall(this.count(1));
      case 0x6a: // LONG_BINGET
        return this.recall(this.count(4));
      default:
        return false;
    }
  }

  private remember(number: number): true {
    if (this.memo.size >= MOST_VALUES) throw damaged(`its pickle remembers more than ${MOST_VALUES} values`);
    this.memo.set(number, this.top());
    return true;
  }

  private recall(number: number): true {
    const value = this.memo.get(number);
    if (value === undefined) throw damaged(`its pickle recalls value ${number}, which it has not remembered`);
    return this.push(value);
  }

  /** Attributes of an object. */
  private build(state: PickleValue, object: PickleValue): true {
    // PyTorch's state dicts are OrderedDicts with an attribute that says versions of modules; nothing here reads attributes.
    if (object instanceof PickleDict && object.ordered && state instanceof PickleDict) return true;
    if (!(object instanceof PickleRecord && state instanceof PickleDict && object.attributes === undefined))
      throw unsafe(`sets the state of ${labelOf(object)}`);
    object.attributes = state;
    return true;
  }

  /** What has a name outside of the pickle. */
  private outside(code: number): boolean {
    switch (code) {
      case 0x63: {
        // GLOBAL
        const module = this.line();
        return this.push(this.rules.global(module, this.line()));
      }
      case 0x93: {
        // STACK_GLOBAL
        const [name, module] = [this.pop(), this.pop()];
        if (typeof module !== 'string' || typeof name !== 'string')
          throw damaged('its pickle has a name that is no text');
        return this.push(this.rules.global(module, name));
      }
      case 0x69: {
        // INST: a call in one instruction
        const module = this.line();
        const name = this.line();
        const args = new PickleTuple(this.popMark());
        return this.push(this.rules.call(this.rules.global(module, name), args));
      }
      case 0x52: {
        // REDUCE
        const args = this.pop();
        if (!(args instanceof PickleTuple)) throw damaged(`its pickle calls with ${labelOf(args)}`);
        return this.push(this.rules.call(this.pop(), args));
      }
      case 0x81: {
        // NEWOBJ
        const args = this.pop();
        if (!(args instanceof PickleTuple)) throw damaged(`its pickle makes an object with ${labelOf(args)}`);
        return this.push(this.rules.record(this.pop(), args));
      }
      case 0x51: // BINPERSID
        return this.push(this.rules.persistent(this.pop()));
      case 0x62: // BUILD
        return this.build(this.pop(), this.top());
      default:
        return false;
    }
  }
}

/**
 * Reads the pickle that begins at a byte.
 * @returns its value, and the byte behind it.
 * @throws PickleFault.
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  rules: PickleRules,
): { readonly value: PickleValue; readonly end: number } {
  const machine = new Machine(bytes, start, rules);
  const value = machine.run();
  return { value, end: machine.at };
}
