/**
 * What a checkpoint's pickle may refer to: OrderedDict, PyTorch's storages and element types, the two functions that put a tensor
 * together, argparse's Namespace, in which programs keep their settings, and the loss among the settings of SimpleClick's checkpoints. None of
 * them is run: each stands for a description. Follows torch/_utils.py and torch/serialization.py in what they mean.
 */
import {
  damaged,
  labelOf,
  PickleDict,
  PickleForeign,
  PickleRecord,
  type PickleRules,
  PickleTuple,
  type PickleValue,
  shownName,
  unsafe,
} from './pickle.ts';
import { type Layout, misplaced, type StoredType } from './stored-tensor.ts';

const STORAGES: Readonly<Record<string, StoredType>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

/** Element types as values, which optimisers and settings refer to. */
const TYPES = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'];

/** Sides of a tensor; networks have five at most. */
const MOST_SIDES = 16;

/** A name of Python that is admitted. */
class Admitted extends PickleForeign {
  constructor(
    readonly label: string,
    /** Of a storage's class. */
    readonly storage?: StoredType,
    /** Whether Python could call it. */
    readonly callable = true,
  ) {
    super();
  }
}

const ORDERED_DICT = new Admitted('collections.OrderedDict');
const TENSOR = new Admitted('torch._utils._rebuild_tensor_v2');
const PARAMETER = new Admitted('torch._utils._rebuild_parameter');
const NAMESPACE = new Admitted('argparse.Namespace');

/** SimpleClick writes the settings of a network beside its tensors, and among them is the loss that it was trained with: an object. */
const LOSS_FILE = 'isegm.model.modeling.transformer_helper.cross_entropy_loss';
const LOSS = new Admitted(`${LOSS_FILE}.CrossEntropyLoss`);
/** As Python 2 and Python 3 call it. */
const SETS = [new Admitted('__builtin__.set'), new Admitted('builtins.set')];

const ADMITTED: ReadonlyMap<string, Admitted> = new Map(
  [
    ORDERED_DICT,
    TENSOR,
    PARAMETER,
    NAMESPACE,
    LOSS,
    // One of its attributes: a name, which nobody calls.
    new Admitted(`${LOSS_FILE}.cross_entropy`, undefined, false),
    ...SETS,
    ...Object.entries(STORAGES).map(([name, type]) => new Admitted(`torch.${name}`, type)),
    ...TYPES.map((name) => new Admitted(`torch.${name}`, undefined, false)),
  ].map((one) => [one.label, one]),
);

/** Whether a value is a function or a class itself, which nothing that is only read needs. */
export const isCallable = (value: PickleValue): boolean => value instanceof Admitted && value.callable;

/** Elements that lie outside of the pickle, or a stretch of them. */
export class TorchStorage extends PickleForeign {
  readonly label = 'a storage';

  constructor(
    readonly key: string,
    readonly type: StoredType,
    /** Elements in all that the key stands for. */
    readonly whole: number,
    /** Of these, the first that this one has. */
    readonly from: number,
    readonly count: number,
  ) {
    super();
  }
}

/** A tensor: a layout in a storage. */
export class TorchTensor extends PickleForeign {
  readonly label = 'a tensor';

  constructor(
    readonly storage: TorchStorage,
    /** Offset counted from what the storage's key stands for. */
    readonly layout: Layout,
  ) {
    super();
  }
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function global(module: string, name: string): PickleValue {
  const label = `${module}.${name}`;
  const admitted = ADMITTED.get(label);
  if (!admitted) throw unsafe(`refers to ${shownName(label)}`);
  return admitted;
}

function counts(value: PickleValue, what: string): number[] {
  const items = value instanceof PickleTuple ? value.items : Array.isArray(value) ? value : undefined;
  if (!items || items.length > MOST_SIDES || !items.every(isCount))
    throw damaged(`a tensor of it has ${what} that are no counts`);
  return [...items];
}

/** (storage, offset, sides, strides, requires_grad, hooks) and in newer files a dict of notes. */
function tensor({ items }: PickleTuple): TorchTensor {
  const [storage, start, shape, strides] = items;
  if (items.length < 6 || items.length > 7 || !(storage instanceof TorchStorage))
    throw damaged(`a tensor of it is made of ${labelOf(storage)} and ${items.length} values in all`);
  if (!isCount(start)) throw damaged('a tensor of it has an offset that is no count');
  const layout = { shape: counts(shape, 'sides'), strides: counts(strides, 'strides'), offset: start };
  const what = misplaced(layout, storage.count);
  if (what !== undefined) throw damaged(`a tensor of storage ${shownName(storage.key)} ${what}`);
  return new TorchTensor(storage, { ...layout, offset: storage.from + start });
}

function call(callee: PickleValue, args: PickleTuple): PickleValue {
  if (callee === ORDERED_DICT) {
    // Its items are set afterwards. From a list, which may be used again and again, dicts without an end could be made.
    if (args.items.length > 0) throw damaged('an OrderedDict of it is made of something');
    return new PickleDict(true);
  }
  if (SETS.some((set) => set === callee)) return emptySet(args);
  if (callee === TENSOR) return tensor(args);
  if (callee !== PARAMETER) throw unsafe(`calls ${labelOf(callee)}`);
  const [data] = args.items;
  if (!(data instanceof TorchTensor)) throw damaged(`a parameter of it is made of ${labelOf(data)}`);
  return data;
}

/** Modules have an empty set among their attributes; sets of anything are refused. */
function emptySet({ items: [items = []] }: PickleTuple): PickleValue {
  if (Array.isArray(items) && items.length === 0) return new PickleTuple([]);
  throw unsafe('makes a set');
}

/** A new object: of the settings of a program or of a loss, their attributes come afterwards. */
function record(type: PickleValue, { items }: PickleTuple): PickleValue {
  const label = type === NAMESPACE ? 'a Namespace' : type === LOSS ? 'a CrossEntropyLoss' : undefined;
  if (label === undefined) throw unsafe(`asks for NEWOBJ, an object of ${labelOf(type)}`);
  if (items.length > 0) throw damaged(`${label} of it is made of something`);
  return new PickleRecord(label);
}

/** ('storage', class, key, device, elements), and in the older format a view (key, from, elements) or None. */
function storageOf(id: PickleValue): TorchStorage {
  const [kind, type, key, , count, view = null] = id instanceof PickleTuple ? id.items : [];
  if (kind !== 'storage')
    throw unsafe(`refers to ${typeof kind === 'string' ? shownName(kind) : labelOf(id)} outside of its pickle`);
  if (!(type instanceof Admitted) || type.storage === undefined || typeof key !== 'string' || !isCount(count))
    throw damaged('a storage of it has no type, name or size');
  if (view === null) return new TorchStorage(key, type.storage, count, 0, count);
  const [, from, some] = view instanceof PickleTuple ? view.items : [];
  if (!isCount(from) || !isCount(some) || from + some > count)
    throw damaged(`a view of storage ${shownName(key)} leaves its ${count} elements`);
  return new TorchStorage(key, type.storage, count, from, some);
}

/** The rules for one checkpoint, and the storages that its pickle has referred to, by their names. */
export function torchRules(): { readonly rules: PickleRules; readonly storages: ReadonlyMap<string, TorchStorage> } {
  const storages = new Map<string, TorchStorage>();
  const persistent = (id: PickleValue): PickleValue => {
    const storage = storageOf(id);
    const known = storages.get(storage.key);
    if (known && (known.type !== storage.type || known.whole !== storage.whole))
      throw damaged(`storage ${shownName(storage.key)} has two types or sizes`);
    storages.set(storage.key, known ?? storage);
    return storage;
  };
  return { rules: { global, call, record, persistent }, storages };
}
