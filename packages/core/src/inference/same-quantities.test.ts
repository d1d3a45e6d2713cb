/** What networks are fed of one picture, with the weights that ship: the same when it is labelled, trained on and judged; a file's codes apart. */
import { type ParameterSource, Runtime, Session, type Tensor, tensor, toFloat32 } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RgbImage } from '../image/types.ts';
import { offlinePrompts } from '../language/prompts.ts';
import { TextModel } from '../language/text-encoder.ts';
import { textFeatures } from '../language/text-features.ts';
import { modelPath } from '../models.ts';
import { loadOwnWeights, type OwnClickWeights } from '../networks/click-weights.ts';
import { Random } from '../random.ts';
import { residualNorm } from '../residual/norm.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { simulateAnomaly } from '../synthesis/anomalies/index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { cutItem, type SegItem, segItems } from '../training/seg-items.ts';
import { precisionOf } from '../training/seg-judge.ts';
import { DEFAULT_MAP } from './anomaly-map.ts';
import { detectorModel } from './detector-model.ts';
import { DEFAULT_WEIGHTS, Labeler } from './labeler.ts';
import type { SegInputs } from './network-windows.ts';

/** As many tokens as a crop has, so that a crop shows the whole picture. */
const SIDE = 256;
const product = makeProduct('machinedRing', 22, { width: SIDE, height: SIDE });

let runtime: Runtime;
let index: ReferenceIndex;
let picture: RgbImage;
let item: SegItem;
let click: OwnClickWeights;

beforeAll(async () => {
  runtime = await Runtime.start();
  click = await loadOwnWeights(modelPath(`${DEFAULT_WEIGHTS}/weights.safetensors`));
  const normals = Array.from({ length: 6 }, (_, i) => ({
    name: String(i),
    image: product.good(new Random(`good/${i}`)),
  }));
  index = await ReferenceIndex.build(normals, { runtime, pixels: SIDE * SIDE });
  const random = new Random('defect');
  const { image, mask } = simulateAnomaly(product.good(random), random, {
    kinds: ['rust'],
    minArea: 200,
    single: true,
  });
  picture = image;
  const label = {
    name: 'rusty',
    type: 'rust',
    image,
    probability: { ...mask, data: Float32Array.from(mask.data) },
    clicks: [],
  };
  const counts = { goods: 0, simulated: 0, copies: 0 };
  const items = segItems({ index, names: ['0'], labels: [label], counts, discRadius: 5, left: [] }, random);
  item = (await items.next()).value as SegItem;
});
afterAll(() => runtime.close());

/** What a network sees of a picture. */
interface Seen {
  /** log(1 + r²/c), (h * w, D). */
  readonly residual: Float32Array;
  /** Descriptors of length 1, (h * w, D). */
  readonly tokens: Float32Array;
  /** (h * w). */
  readonly norm: Float32Array;
}

/** What sessions are fed under a name while `work` runs. */
async function fedIn(work: () => Promise<unknown>): Promise<(name: string) => Float32Array> {
  const run = vi.spyOn(Session.prototype, 'run');
  await work();
  const all = run.mock.calls.map(([inputs]) => inputs as Readonly<Record<string, Tensor>>);
  run.mockRestore();
  // The networks alone take pictures as (1, h, w, …); descriptors and matches are of rows.
  return (name) => toFloat32(all.map((inputs) => inputs[name]).find((each) => each && each.shape[0] === 1) as Tensor);
}

async function labelling(): Promise<Seen> {
  const labeler = await Labeler.load({ index, runtime, object: 'machined ring' });
  let norm = new Float32Array();
  const fed = await fedIn(async () => {
    const view = await labeler.open(picture);
    await view.predict({ clicks: [{ x: 128, y: 128, positive: true }], defect: 'rust' });
    norm = Float32Array.from(residualNorm(view.residual, view.residual.calibration).data);
  });
  await labeler.close();
  return { residual: fed('residual'), tokens: fed('tokens'), norm };
}

/** A crop of the whole picture, turned by no turn. */
function training(): Seen {
  for (let seed = 0; seed < 64; seed++) {
    const { inputs, norm } = cutItem(item, new Random(seed), 1);
    if (norm.every((value, cell) => value === item.norm[cell]))
      return { residual: inputs.residual, tokens: inputs.descriptors, norm };
  }
  throw new Error('every crop was turned');
}

async function judging(): Promise<Seen> {
  const { settings, tensors, card } = click;
  const encoder = await TextModel.load({ runtime, encoder: card.textEncoder });
  const words = new Map([['rust', textFeatures(await encoder.encode(offlinePrompts('rust', 'machined ring')))]]);
  await encoder.close();
  const seg = { ...settings, seg: 'pyramid', path: { gain: 1, offset: 0 } } as const;
  const fed = await fedIn(() => precisionOf({ runtime, settings: seg, weights: tensors, words, trust: [1] }, [item]));
  return { residual: fed('residual'), tokens: fed('tokens'), norm: fed('norm') };
}

/** A detector's file, which gives what its network sees beside its map. */
async function scoring(): Promise<Seen> {
  const reference = await index.reference();
  const build = (_: ParameterSource, seen: SegInputs) => {
    const { graph } = seen.norm;
    for (const name of ['residual', 'tokens', 'norm'] as const) graph.output(name, seen[name]);
    return graph.filled(0, [1, SIDE, SIDE]);
  };
  const { backbone, weights, matched } = index.extractor;
  const network = { build, weights: click.tensors };
  const level = { score: 1, map: 1 };
  const map = { settings: DEFAULT_MAP, calibration: reference.calibration, matched, level, network };
  const session = await runtime.load(detectorModel({ reference, backbone, weights, map }));
  const { residual, tokens, norm } = await session.run({ image: tensor(picture.data, [1, SIDE, SIDE, 3]) });
  await session.release();
  return { residual: toFloat32(residual), tokens: toFloat32(tokens), norm: toFloat32(norm) };
}

/** Root of the mean squared difference, as a share of that of the values. */
function distance(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  let [sum, all] = [0, 0];
  for (const [i, value] of a.entries()) {
    sum += (value - b[i]) ** 2;
    all += value ** 2;
  }
  return Math.sqrt(sum / all);
}

/** Largest difference, as a share of the largest value. */
function gap(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  let [most, scale] = [0, 0];
  for (const [i, value] of a.entries()) {
    most = Math.max(most, Math.abs(value - b[i]));
    scale = Math.max(scale, Math.abs(value));
  }
  return most / scale;
}

test('residual, descriptors and norm are the same when a picture is labelled, trained on and judged, and nearly so by a file', async () => {
  const labelled = await labelling();
  expect(Math.max(...labelled.norm)).toBeGreaterThan(1);
  // Training keeps residuals and descriptors in float16.
  for (const [where, seen] of Object.entries({ trained: training(), judged: await judging() })) {
    for (const name of ['residual', 'tokens'] as const)
      expect(gap(labelled[name], seen[name]), `${name} ${where}`).toBeLessThan(2e-3);
    expect(gap(labelled.norm, seen.norm), `norm ${where}`).toBeLessThan(2e-6);
  }
  const scored = await scoring();
  expect(gap(labelled.tokens, scored.tokens)).toBeLessThan(2e-5);
  // A file compares with what codes restore of its good pictures; detector.test.ts holds it equal to the same through the index.
  expect(distance(labelled.norm, scored.norm)).toBeLessThan(0.1);
});
