/** Whether a detector file says the same in every runtime at hand: onnxruntime for Node, for the browser, and for Python. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Detector, type RgbImage } from '@adclick/core';
import { Random, randomTexture } from '@adclick/core/synthesis';
import { type Provider, Runtime, removeIfPossible } from '@adclick/ortgrad';
import { toCoded } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';

/** What one runtime said. */
export interface RuntimeCheck {
  readonly runtime: 'onnxruntime-node' | 'onnxruntime-web' | 'onnxruntime (Python)';
  /** Why it could not be asked. */
  readonly missing?: string;
  /** Image scores in the order of the pictures. */
  readonly scores?: readonly number[];
  /** Largest differences from onnxruntime-node. */
  readonly scoreDifference?: number;
  readonly mapDifference?: number;
}

/** How a detector file fared. */
export interface DetectorCheck {
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly bytes: number;
  /** Pictures that were drawn to be looked at. */
  readonly pictures: number;
  readonly runtimes: readonly RuntimeCheck[];
  /** Largest difference of all, of scores and maps in [0,1]. */
  readonly difference: number;
  /** Whether it stays within the tolerance. */
  readonly ok: boolean;
}

/** Differences up to this come from the order in which runtimes add. */
export const TOLERANCE = 1e-3;

const PICTURES = 3;

interface Said {
  readonly scores: readonly number[];
  readonly maps: readonly Float32Array[];
}

/** Drawn pictures: which ones does not matter, but they are the same everywhere. */
function pictures({ card }: Detector): RgbImage[] {
  const { width, height } = card.input;
  return Array.from({ length: PICTURES }, (_, i) => randomTexture(new Random(`verify/${i}`), width, height));
}

async function ask(file: string, provider: Provider, images: readonly RgbImage[]): Promise<Said> {
  const runtime = await Runtime.start({ provider });
  try {
    const detector = await Detector.load(file, { runtime });
    const scores: number[] = [];
    const maps: Float32Array[] = [];
    for (const image of images) {
      const { score, map } = await detector.run(image);
      scores.push(score);
      maps.push(map.data);
    }
    return { scores, maps };
  } finally {
    await runtime.close();
  }
}

/** What Python is called: on Windows `python3` is a shop's window. */
const PYTHON = process.platform === 'win32' ? 'python' : 'python3';

/** Reads a model and raw pictures, writes scores and maps as raw float32. Ends with the process that holds its standard input. */
const SCRIPT = `
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
import numpy, onnxruntime
model, source, target, count, height, width = sys.argv[1:4] + [int(a) for a in sys.argv[4:7]]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
images = numpy.fromfile(source, numpy.uint8).reshape(count, 1, height, width, 3)
out = []
for image in images:
    score, field = session.run(["score", "map"], {"image": image})
    out += [score.ravel(), field.ravel()]
numpy.concatenate(out).astype(numpy.float32).tofile(target)
`;

/** @throws Error that says in a line why Python cannot be asked. */
async function askPython(file: string, images: readonly RgbImage[], signal?: AbortSignal): Promise<Said> {
  const python = process.env.ADCLICK_PYTHON ?? PYTHON;
  const folder = await mkdtemp(join(tmpdir(), 'adclick-verify-'));
  try {
    const [source, target] = [join(folder, 'pictures'), join(folder, 'answers')];
    await writeFile(source, Buffer.concat(images.map(({ data }) => data)));
    const { width, height } = images[0];
    const args = ['-c', SCRIPT, resolve(file), source, target, String(images.length), String(height), String(width)];
    await promisify(execFile)(python, args, { signal, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
    const bytes = await readFile(target);
    const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const size = 1 + width * height;
    return {
      scores: images.map((_, i) => all[i * size]),
      maps: images.map((_, i) => all.slice(i * size + 1, (i + 1) * size)),
    };
  } catch (error) {
    signal?.throwIfAborted();
    const { code, stderr, message } = error as { code?: string | number; stderr?: string; message: string };
    if (code === 'ENOENT') throw new Error(`there is no ${python}; ADCLICK_PYTHON names one`, { cause: error });
    throw new Error((stderr ?? message).trim().split('\n').at(-1) ?? message, { cause: error });
  } finally {
    await removeIfPossible(folder);
  }
}

/** Largest difference of two rows; infinite where one is not a number or the lengths differ. */
function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    most = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference);
  }
  return most;
}

/**
 * Shows the same pictures to a detector file in every runtime at hand.
 * @throws ADC_DETECTOR_MISSING, ADC_DETECTOR_DAMAGED, ADC_DETECTOR_KIND, ADC_RUNTIME when onnxruntime-node refuses it.
 */
export async function verifyDetector(file: string, { onProgress, signal }: WorkOptions = {}): Promise<DetectorCheck> {
  const detector = await Detector.load(file);
  const images = pictures(detector);
  const { card, model } = detector;
  await detector.close();
  const ours = await ask(file, 'cpu', images);
  const runtimes: RuntimeCheck[] = [
    { runtime: 'onnxruntime-node', scores: ours.scores, scoreDifference: 0, mapDifference: 0 },
  ];
  const others = [
    ['onnxruntime-web', () => ask(file, 'wasm', images)],
    ['onnxruntime (Python)', () => askPython(file, images, signal)],
  ] as const;
  for (const [i, [runtime, work]] of others.entries()) {
    onProgress?.({ label: 'verifying', done: i + 1, total: others.length + 1 });
    try {
      const { scores, maps } = await work();
      runtimes.push({
        runtime,
        scores,
        scoreDifference: farthest(scores, ours.scores),
        mapDifference: Math.max(...maps.map((map, n) => farthest(map, ours.maps[n]))),
      });
    } catch (error) {
      signal?.throwIfAborted();
      // A runtime that is not there is nothing unexpected.
      runtimes.push({ runtime, missing: error instanceof Error ? error.message : toCoded(error).message });
    }
  }
  const difference = Math.max(
    ...runtimes.flatMap(({ scoreDifference = 0, mapDifference = 0 }) => [scoreDifference, mapDifference]),
  );
  return {
    file,
    name: card.name,
    version: card.version,
    bytes: model.length,
    pictures: images.length,
    runtimes,
    difference,
    ok: difference <= TOLERANCE,
  };
}
