/** Programs of users that import the library, from every place that Node has for code. */
import { writeFile } from 'node:fs/promises';
import type { Box } from './box.ts';
import { ROOT } from './box.ts';

const LIBRARY = JSON.stringify(import.meta.resolve('@adclick/core'));
const SYNTHESIS = JSON.stringify(import.meta.resolve('@adclick/core/synthesis'));
const ORTGRAD = JSON.stringify(import.meta.resolve('@adclick/ortgrad'));
const ONNXRUNTIME = JSON.stringify(`${ROOT}/node_modules/onnxruntime-node/dist/index.js`);

/** Computes something, then waits as long as onnxruntime's telemetry takes for its first look-up. */
const LABELS = `
const { ReferenceIndex, Labeler } = await import(${LIBRARY});
const { makeProduct, Random } = await import(${SYNTHESIS});
const product = makeProduct('bottleMouth', 1, { width: 128, height: 128 });
const images = [0, 1].map((i) => ({ name: String(i), image: product.good(new Random(i)) }));
const index = await ReferenceIndex.build(images, { pixels: 128 * 128 });
const labeler = await Labeler.load({ index });
const view = await labeler.open(product.good(new Random(9)));
await view.predict({ clicks: [{ x: 60, y: 60, positive: true }] });
await labeler.close();
await index.close();
await new Promise((next) => setTimeout(next, 2500));
`;
/** onnxruntime itself, by a user who also imports us. */
const BESIDE = `
const { Graph, addScalar } = await import(${ORTGRAD});
const graph = new Graph('own');
graph.output('y', addScalar(graph.input('x', [2]), 1));
const { default: ort } = await import(${ONNXRUNTIME});
await ort.InferenceSession.create(graph.toModel());
await new Promise((next) => setTimeout(next, 2500));
`;
const IN_WORKER = (file: string, options = '{}') => `
import { Worker } from 'node:worker_threads';
new Worker(new URL('./${file}', import.meta.url), ${options}).on('error', (error) => { throw error; });
`;
const SAME = "import { SHARE_ENV } from 'node:worker_threads';";

export async function libraryPrograms(box: Box): Promise<void> {
  const programs: readonly [name: string, file: string, text: string][] = [
    ['an ES module', 'labels.mjs', LABELS],
    ['a worker thread of the user, who imports it there alone', 'worker.mjs', IN_WORKER('labels.mjs')],
    [
      'a worker with an environment of its own',
      'bare.mjs',
      IN_WORKER('labels.mjs', '{ env: { ORT_DISABLE_TELEMETRY: "0" } }'),
    ],
    ['a worker that shares the environment', 'shares.mjs', SAME + IN_WORKER('labels.mjs', '{ env: SHARE_ENV }')],
    ['a worker of a worker', 'nested.mjs', IN_WORKER('worker.mjs')],
    ['a CommonJS program', 'program.cjs', `(async () => {${LABELS}})();`],
    ['onnxruntime used beside it', 'beside.mjs', BESIDE],
    ['onnxruntime used beside it, in a worker', 'beside-worker.mjs', IN_WORKER('beside.mjs')],
  ];
  for (const [, file, text] of programs) await writeFile(box.path(file), text);
  for (const [name, file] of programs) await box.watch(`library: ${name}`, [process.execPath, box.path(file)]);
  await box.watch('library: against the user who switched telemetry on', [process.execPath, box.path('labels.mjs')], {
    env: { ORT_DISABLE_TELEMETRY: '0' },
  });
}
