/** Reading of NumPy's `.npy` files: an array of numbers of any byte order and order of axes, as floats in rows. */
import { fromHalf } from '@adclick/ortgrad';

/** An array as NumPy holds it in C order: the last axis runs fastest. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** Numbers beyond single precision are rounded to it; booleans are 0 and 1. */
  readonly data: Float32Array;
  /** NumPy's name of the type in the file, such as `<f8`. */
  readonly type: string;
}

const MAGIC = '\x93NUMPY';
/** Bytes of a header that is read; real ones have 118. */
const LONGEST_HEADER = 65_536;

type Reader = (view: DataView, at: number, little: boolean) => number;

/** How numbers are read, by NumPy's kind and bytes. */
const READERS: Readonly<Record<string, Reader>> = {
  b1: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  u1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
  u2: (view, at, little) => view.getUint16(at, little),
  i2: (view, at, little) => view.getInt16(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  i4: (view, at, little) => view.getInt32(at, little),
  u8: (view, at, little) => Number(view.getBigUint64(at, little)),
  i8: (view, at, little) => Number(view.getBigInt64(at, little)),
  f2: (view, at, little) => fromHalf(view.getUint16(at, little)),
  f4: (view, at, little) => view.getFloat32(at, little),
  f8: (view, at, little) => view.getFloat64(at, little),
};

/** Whether bytes begin as a `.npy` file does. */
export const isNpy = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAGIC.length)).toString('latin1') === MAGIC;

/** The header's text and where the numbers begin. */
function headerOf(bytes: Uint8Array, view: DataView): { readonly text: string; readonly end: number } {
  const cut = new Error('it ends within its header');
  if (bytes.length < 12) throw cut;
  const [version, minor] = [bytes[6], bytes[7]];
  if (version < 1 || version > 3) throw new Error(`its format ${version}.${minor} is not known, only 1.0 to 3.0`);
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > LONGEST_HEADER) throw new Error(`its header has ${length} bytes`);
  if (start + length > bytes.length) throw cut;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString(version === 3 ? 'utf8' : 'latin1');
  return { text, end: start + length };
}

/** What a type is called that holds no plain numbers. */
function otherType(text: string): string {
  const named = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  if (named === undefined) return 'holds records of several fields';
  if (/^[|<>=]?O/.test(named)) return 'holds Python objects (dtype object)';
  return `holds numbers of type ${named}`;
}

/**
 * Reads a file; objects are never unpickled.
 * @param most numbers that are read. @throws Error that says what is wrong, in words that follow "it" or "its".
 */
export function decodeNpy(bytes: Uint8Array, most: number): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { text, end } = headerOf(bytes, view);
  const [, order, kind] = /'descr':\s*'([|<>=]?)([biuf]\d+)'/.exec(text) ?? [];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const axes = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (fortran === undefined || axes === undefined) throw new Error('its header is none');
  if (kind === undefined || !Object.hasOwn(READERS, kind)) throw new Error(`it ${otherType(text)}`);
  const shape = (axes.match(/\d+/g) ?? []).map(Number);
  const count = shape.reduce((product, side) => product * side, 1);
  if (count > most) throw new Error(`it holds ${count} numbers, more than ${most}`);
  const size = Number(kind.slice(1));
  const there = bytes.length - end;
  if (there < count * size) throw new Error(`it ends early: ${there} of ${count * size} bytes of numbers are there`);
  if (there > count * size) throw new Error(`${there - count * size} bytes follow its ${count} numbers`);
  const data = new Float32Array(count);
  const little = order !== '>';
  const read = READERS[kind];
  const places = fortran === 'True' ? placesByColumns(shape, count) : undefined;
  for (let i = 0; i < count; i++) data[places ? places[i] : i] = read(view, end + i * size, little);
  return { shape, data, type: `${order}${kind}` };
}

/** Where the numbers of an array whose first axis runs fastest belong, when the last one does. */
function placesByColumns(shape: readonly number[], count: number): Uint32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
  const places = new Uint32Array(count);
  const at = shape.map(() => 0);
  for (let i = 1, place = 0; i < count; i++) {
    for (let axis = 0; axis < shape.length; axis++) {
      place += strides[axis];
      if (++at[axis] < shape[axis]) break;
      place -= at[axis] * strides[axis];
      at[axis] = 0;
    }
    places[i] = place;
  }
  return places;
}
