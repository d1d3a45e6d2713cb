/**
 * PyTorch's format before 1.6: five pickles one behind the other (a magic number, a version, the writer's system, the containers, the
 * storages' names), then each storage's number of elements and the elements themselves, little-endian on every computer.
 */
import { fail } from '../errors.ts';
import type { CheckpointFile } from './checkpoint-file.ts';
import { namedTensors } from './named-tensors.ts';
import { PickleFault, type PickleValue, readPickle, shownName } from './pickle.ts';
import { type Elements, STORED_BYTES } from './stored-tensor.ts';
import { type TorchStorage, type TorchTensor, torchRules } from './torch-objects.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;
/** Bytes of the pickles, of which so many are read first; those of a large network have a hundred kilobytes. */
const MOST_PICKLED = 2 ** 26;
const FIRST_PICKLED = 2 ** 20;

/** What the five pickles say. */
interface Pickled {
  readonly tensors: Map<string, TorchTensor>;
  readonly storages: ReadonlyMap<string, TorchStorage>;
  /** Names of the storages in the order of the file. */
  readonly keys: readonly string[];
  /** The byte behind the last pickle. */
  readonly end: number;
}

const isText = (value: PickleValue): value is string => typeof value === 'string';

function unpickle(bytes: Uint8Array, path: string): Pickled {
  const { rules, storages } = torchRules();
  let end = 0;
  const next = (): PickleValue => {
    const read = readPickle(bytes, end, rules);
    end = read.end;
    return read.value;
  };
  if (next() !== MAGIC) throw fail('ADC_CHECKPOINT_KIND', { path, got: 'a pickle that PyTorch has not written' });
  if (next() !== VERSION) throw fail('ADC_CHECKPOINT_KIND', { path, got: 'of a version of PyTorch that is not known' });
  next();
  const tensors = namedTensors(next());
  const keys = next();
  if (!Array.isArray(keys) || !keys.every(isText)) throw new PickleFault('damaged', 'its storages have no names');
  return { tensors, storages, keys, end };
}

/** How long the pickles are is known only when they have been read: more of the file is taken until they end in it. */
async function readPickles(file: CheckpointFile): Promise<Pickled> {
  for (let taken = FIRST_PICKLED; ; taken *= 4) {
    const bytes = await file.bytes(0, Math.min(taken, file.size));
    try {
      return unpickle(bytes, file.path);
    } catch (error) {
      const isShort = error instanceof PickleFault && error.kind === 'short';
      if (!isShort || bytes.length === file.size) throw file.fault(error);
      if (taken >= MOST_PICKLED)
        throw file.damaged(`its pickles have more than the ${MOST_PICKLED} bytes that are read`);
    }
  }
}

/**
 * The tensors of a checkpoint in PyTorch's older format, and the elements behind them.
 * @throws ADC_CHECKPOINT_KIND for pickles that are none, ADC_CHECKPOINT_UNSAFE, ADC_CHECKPOINT_DAMAGED.
 */
export async function openTorchLegacy(
  file: CheckpointFile,
): Promise<{ tensors: Map<string, TorchTensor>; elements: Map<string, Elements> }> {
  const { tensors, storages, keys, end } = await readPickles(file);
  const elements = new Map<string, Elements>();
  let at = end;
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage || elements.has(key)) throw file.damaged(`storage ${shownName(key)} belongs to no tensor, or twice`);
    const head = await file.bytes(at, 8);
    const count = Number(new DataView(head.buffer).getBigInt64(0, true));
    if (count !== storage.whole)
      throw file.damaged(`storage ${shownName(key)} has ${count} elements, its pickle says ${storage.whole}`);
    elements.set(key, { type: storage.type, count, at: at + 8, bigEndian: false });
    at += 8 + count * STORED_BYTES[storage.type];
    if (at > file.size)
      throw file.damaged(`storage ${shownName(key)} ends at byte ${at} of ${file.size}: it is cut off`);
  }
  for (const key of storages.keys()) {
    if (!elements.has(key)) throw file.damaged(`storage ${shownName(key)} is not in it`);
  }
  if (at !== file.size) throw file.damaged(`it has ${file.size - at} bytes after the last storage`);
  return { tensors, elements };
}
