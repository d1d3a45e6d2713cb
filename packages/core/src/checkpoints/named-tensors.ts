/** The tensors in what a pickle holds, by the names that lead to them: keys and places in lists, with dots between. */
import {
  damaged,
  labelOf,
  PickleDict,
  PickleRecord,
  PickleTuple,
  type PickleValue,
  shownName,
  unsafe,
} from './pickle.ts';
import { isCallable, TorchTensor } from './torch-objects.ts';

/** Containers inside each other; a circle has no end. */
const DEEPEST = 32;
/** Values that are looked at: a list that holds another one ten times, which holds a third one ten times …, has few values and many places. */
const MOST_PLACES = 1_000_000;
const MOST_TENSORS = 100_000;
const LONGEST_NAME = 1000;

/**
 * Finds the tensors in a value. A tensor that stands in two places has two names. Those among keys and in records are passed over.
 * @throws PickleFault when a function or a class is among the values, containers are nested too deep or in circles, or two tensors have
 * the same name.
 */
export function namedTensors(root: PickleValue): Map<string, TorchTensor> {
  const found = new Map<string, TorchTensor>();
  let places = 0;
  /** @param named whether tensors are taken: those among keys and in records are not. */
  const visit = (value: PickleValue, name: string, depth: number, named: boolean): void => {
    if (isCallable(value)) throw unsafe(`holds ${labelOf(value)}, which can be called`);
    if (value instanceof TorchTensor) {
      if (!named) return;
      if (name.length > LONGEST_NAME) throw damaged(`the name ${shownName(name)} is too long`);
      if (found.has(name)) throw damaged(`it holds two tensors named ${shownName(name)}`);
      if (found.size === MOST_TENSORS) throw damaged(`it holds more than ${MOST_TENSORS} tensors`);
      found.set(name, value);
      return;
    }
    const inside = insideOf(value);
    if (inside === undefined) return;
    if (depth === DEEPEST) throw damaged(`it has containers inside each other, more than ${DEEPEST} deep`);
    for (const [key, item] of inside) {
      if (++places > MOST_PLACES) throw damaged(`it holds more than ${MOST_PLACES} values`);
      if (!isLeaf(key)) visit(key, name, depth + 1, false);
      if (isLeaf(item)) continue;
      const own = name === '' ? keyText(key) : `${name}.${keyText(key)}`;
      visit(item, own, depth + 1, named && !(value instanceof PickleRecord));
    }
  };
  visit(root, '', 0, true);
  return found;
}

function insideOf(value: PickleValue): Iterable<[PickleValue, PickleValue]> | undefined {
  if (value instanceof PickleDict) return value.entries;
  if (value instanceof PickleRecord) return value.attributes?.entries;
  if (value instanceof PickleTuple) return value.items.entries();
  return Array.isArray(value) ? value.entries() : undefined;
}

/** Numbers, texts and the like hold no tensors, and their places need no names. */
const isLeaf = (value: PickleValue): boolean => value === null || typeof value !== 'object';

function keyText(key: PickleValue): string {
  if (typeof key === 'string' || typeof key === 'number') return String(key).slice(0, LONGEST_NAME + 1);
  throw damaged(`it holds something under ${labelOf(key)} instead of a name`);
}
