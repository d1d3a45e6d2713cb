/** From a checkpoint of another program to a file of ours: its names and shapes are held against the table, then its tensors go over one at a time. */
import { safetensorsHead, toFloat32 } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import type { Architecture, Expected, Made } from './architecture.ts';
import type { Checkpoint, CheckpointTensor } from './open-checkpoint.ts';
import { shownName } from './pickle.ts';

/** How a checkpoint and an architecture belong together. */
export interface Fit {
  /** What stands before the network's names in the checkpoint: `state_dict.`, or nothing. */
  readonly under: string;
  /** The checkpoint's name of each tensor, by the architecture's. */
  readonly names: ReadonlyMap<string, string>;
  /** What the architecture leaves out: how many tensors of each kind. */
  readonly leftOut: ReadonlyMap<string, number>;
  /** Tensors that are not under it. */
  readonly beside: number;
}

/** What is wrong between them. */
interface Misfit {
  readonly missing: readonly string[];
  readonly shapes: readonly string[];
  readonly leftOver: readonly string[];
}

/** Networks of one kind in a checkpoint, such as a student, a teacher and their averages. */
const MOST_PLACES = 16;

const isFloat = ({ type }: CheckpointTensor): boolean => type.includes('float');
const shapeText = (shape: readonly number[]) => `[${shape.join(', ')}]`;

/** Names in a message, the first of them. */
function some(names: readonly string[], most = 4): string {
  const shown = names.slice(0, most).map(shownName).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** All that tensors are made of, once each. */
function expectedOf({ tensors }: Architecture): Map<string, Expected> {
  return new Map(tensors.flatMap(({ from }) => from.map((one) => [one.name, one])));
}

function compare(checkpoint: Checkpoint, architecture: Architecture, under: string): Fit & Misfit {
  const { plain = (name: string) => name } = architecture;
  const expected = expectedOf(architecture);
  const names = new Map<string, string>();
  const leftOut = new Map<string, number>();
  const shapes: string[] = [];
  const leftOver: string[] = [];
  let beside = 0;
  for (const [full, tensor] of checkpoint.tensors) {
    if (!full.startsWith(under)) {
      beside++;
      continue;
    }
    const own = full.slice(under.length);
    const name = plain(own);
    const want = expected.get(name);
    const kind = architecture.leftOut.find(({ names: pattern }) => pattern.test(name));
    if (want && names.has(name)) leftOver.push(own);
    else if (want) {
      names.set(name, full);
      const { shape, type } = tensor;
      if (shapeText(shape) !== shapeText(want.shape))
        shapes.push(`${own} is ${shapeText(shape)}, not ${shapeText(want.shape)}`);
      else if (!isFloat(tensor)) shapes.push(`${own} holds ${type}`);
    } else if (kind) leftOut.set(kind.what, (leftOut.get(kind.what) ?? 0) + 1);
    else leftOver.push(own);
  }
  const missing = [...expected.keys()].filter((name) => !names.has(name));
  return { under, names, leftOut, beside, missing, shapes, leftOver };
}

const isWhole = ({ missing, shapes, leftOver }: Misfit): boolean =>
  missing.length + shapes.length + leftOver.length === 0;

/** What stands before the landmark, wherever a checkpoint has it; the shortest first. */
const placesOf = ({ tensors }: Checkpoint, { landmark }: Architecture): string[] =>
  [...tensors.keys()]
    .filter((name) => name === landmark || name.endsWith(`.${landmark}`))
    .map((name) => name.slice(0, -landmark.length))
    .sort((a, b) => a.length - b.length);

/** Whether a checkpoint seems to hold a network, whole or not. */
export const holds = (checkpoint: Checkpoint, architecture: Architecture): boolean =>
  placesOf(checkpoint, architecture).length > 0;

/**
 * Holds a checkpoint against an architecture: every tensor has to be there in its shape, and none may be left over that the architecture
 * does not name. A deeper network would have all that a flatter one needs.
 * @param under what stands before the network's names, where a checkpoint has several: `state_dict_ema`.
 * @throws ADC_CHECKPOINT_MISFIT naming what is missing, of another shape or left over.
 */
export function fitOf(checkpoint: Checkpoint, architecture: Architecture, under?: string): Fit {
  const misfit = (what: string) =>
    fail('ADC_CHECKPOINT_MISFIT', { path: checkpoint.path, name: architecture.name, what });
  const places = placesOf(checkpoint, architecture).filter((place) => under === undefined || place === `${under}.`);
  if (places.length === 0) {
    const where = under === undefined ? '' : ` under ${shownName(under)}`;
    const has = some([...checkpoint.tensors.keys()]);
    throw misfit(`nothing in it is named ${architecture.landmark}${where}; it has ${has}`);
  }
  if (places.length > MOST_PLACES) throw misfit(`it has ${places.length} of them`);
  const found = places.map((place) => compare(checkpoint, architecture, place));
  const whole = found.filter(isWhole);
  if (whole.length > 1)
    throw misfit(`it has several of them; choose with --under ${some(whole.map((one) => one.under.slice(0, -1)))}`);
  if (whole[0]) return whole[0];
  const [{ missing, shapes, leftOver }] = found;
  const parts = [
    missing.length > 0 ? `${missing.length} missing: ${some(missing)}` : '',
    shapes.length > 0 ? `${shapes.length} of another shape or type: ${some(shapes)}` : '',
    leftOver.length > 0 ? `${leftOver.length} left over: ${some(leftOver)}` : '',
  ];
  throw misfit(parts.filter(Boolean).join('; '));
}

/** The numbers of one tensor of ours. */
async function numbersOf(checkpoint: Checkpoint, { from, make }: Made, { names }: Fit): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (const { name } of from) parts.push(toFloat32(await checkpoint.read(names.get(name) as string)));
  return make ? make(parts) : parts[0];
}

/** What writing may be told. */
export interface ImportOptions {
  /** Texts that go into the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Told after each tensor how many there are. */
  readonly onTensor?: (done: number) => void;
}

/**
 * Writes our file, atomically; of the checkpoint no more is held than what one tensor is made of.
 * @param fit of the same two.
 * @throws ADC_CHECKPOINT_DAMAGED, ADC_CHECKPOINT_MISFIT for numbers that are infinite or none, ADC_DISK, the signal's reason.
 */
export async function writeImported(
  path: string,
  checkpoint: Checkpoint,
  architecture: Architecture,
  fit: Fit,
  { metadata, signal, onTensor }: ImportOptions = {},
): Promise<void> {
  const { name: network, tensors } = architecture;
  const outlines = new Map(tensors.map(({ name, shape }) => [name, { dtype: 'float32', shape } as const]));
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield safetensorsHead(outlines, metadata);
    for (const [i, made] of tensors.entries()) {
      signal?.throwIfAborted();
      const numbers = await numbersOf(checkpoint, made, fit);
      if (!numbers.every(Number.isFinite)) {
        const what = `${made.from[0].name} holds numbers that are infinite or none`;
        throw fail('ADC_CHECKPOINT_MISFIT', { path: checkpoint.path, name: network, what });
      }
      yield new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      onTensor?.(i + 1);
    }
  }
  await writeFileAtomic(path, pieces());
}
