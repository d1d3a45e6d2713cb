/** What a detector file and its answers have to be: looked at before onnxruntime takes memory for the file, and after each run. */
import { type PortSketch, sketchModel, type TensorData } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import type { DetectorCard } from './detector-card.ts';

/** Pixels of the input of a detector; indexes have 4096 x 4096 at most, sides rounded to the next multiple of their step. */
const MOST_INPUT = 2 * 4096 * 4096;
/** What rounding may put a value outside of [0,1] by. */
const ROUNDING = 1e-3;

const portText = ({ name, dtype, shape }: PortSketch) =>
  `${name} ${dtype ?? 'of another type'} [${shape.map((side) => side ?? '?').join(', ')}]`;

/**
 * Refuses a detector file that does not take and give what its card says, or would do more than compute with what is inside it: reach for
 * other files, branch or loop, which need not end, or use operators that no detector of ADClick has.
 * @param file named in errors. @throws ADC_DETECTOR_UNSAFE; ADC_DETECTOR_DAMAGED when it is no ONNX file.
 */
export function checkModel(
  model: Uint8Array,
  { input: { width, height } }: Pick<DetectorCard, 'input'>,
  file: string,
): void {
  const unsafe = (what: string) => fail('ADC_DETECTOR_UNSAFE', { path: file, what });
  if (width * height > MOST_INPUT) throw unsafe(`its input is ${width} x ${height} pixels; the limit is ${MOST_INPUT}`);
  let sketch: ReturnType<typeof sketchModel>;
  try {
    sketch = sketchModel(model);
  } catch (cause) {
    throw fail('ADC_DETECTOR_DAMAGED', { path: file, what: (cause as Error).message }, cause);
  }
  if (sketch.beyond !== undefined) throw unsafe(sketch.beyond);
  const texts = (ports: readonly PortSketch[]) => ports.map(portText).sort().join('; ');
  const want = {
    takes: texts([{ name: 'image', dtype: 'uint8', shape: [1, height, width, 3] }]),
    gives: texts([
      { name: 'map', dtype: 'float32', shape: [height, width] },
      { name: 'score', dtype: 'float32', shape: [1] },
    ]),
  };
  const got = { takes: texts(sketch.inputs), gives: texts(sketch.outputs) };
  for (const way of ['takes', 'gives'] as const)
    if (got[way] !== want[way]) throw unsafe(`it ${way} ${got[way].slice(0, 200) || 'nothing'}, and not ${want[way]}`);
}

/** An output of a detector. */
interface Output {
  readonly data: TensorData;
  readonly shape: readonly number[];
}

/** What rounding has brought beyond an end is that end. */
const within = (value: number): number => Math.min(1, Math.max(0, value));

/**
 * Refuses an answer that is none: of another size than the card says, or with a value that is no number or not in [0,1].
 * @param file or name of the detector, for errors. @throws ADC_DETECTOR_ANSWER.
 */
export function checkAnswer(
  { map, score }: { readonly map: Output; readonly score: Output },
  { input: { width, height } }: Pick<DetectorCard, 'input'>,
  file: string,
): { readonly map: Float32Array; readonly score: number } {
  const refuse = (what: string) => fail('ADC_DETECTOR_ANSWER', { path: file, what });
  const wanted = { map: [height, width], score: [1] };
  for (const [name, { data, shape }] of Object.entries({ map, score })) {
    const sides = wanted[name as keyof typeof wanted];
    if (!(data instanceof Float32Array) || shape.length !== sides.length || sides.some((side, i) => shape[i] !== side))
      throw refuse(`its ${name} is [${shape.join(', ')}], and not float32 [${sides.join(', ')}]`);
    // Written so that NaN is caught as well.
    const odd = data.findIndex((value) => !(value >= -ROUNDING && value <= 1 + ROUNDING));
    if (odd >= 0) throw refuse(`its ${name} has the value ${data[odd]}, and not one from 0 to 1`);
  }
  const data = map.data as Float32Array;
  // In place: a map of megabytes is not copied.
  for (let i = 0; i < data.length; i++) data[i] = within(data[i]);
  return { map: data, score: within(score.data[0] as number) };
}
