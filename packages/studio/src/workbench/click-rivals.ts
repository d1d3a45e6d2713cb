/** Other methods under the click evaluation, by the words that name them on the command line. */
import { readImage } from '@adclick/core';
import type { Dataset } from '@adclick/core/datasets';
import { type ClickMethod, SamMethod, SIMPLE_CLICK, SimpleClickMethod } from '@adclick/core/evaluation';
import { learnWindows, type Span, spanOf } from '@adclick/core/image';
import type { Runtime } from '@adclick/ortgrad';
import { fail } from '../errors.ts';

/** What opening a rival takes. */
export interface RivalRequest {
  /** Pictures of more than 8 bits are seen through the windows of its good ones, as ADClick sees them. */
  readonly dataset: Dataset;
  readonly runtime: Runtime;
  readonly zoom?: boolean;
  readonly flip?: boolean;
  readonly signal?: AbortSignal;
}

/** `sam:ENCODER.onnx,DECODER.onnx`. */
export const SAM = /^sam:([^,]+),([^,]+)$/;

async function windowsOf({ normals }: Dataset, signal?: AbortSignal) {
  const spans: Span[] = [];
  for (const path of normals) {
    signal?.throwIfAborted();
    const span = spanOf(await readImage(path));
    if (span) spans.push(span);
  }
  return learnWindows(spans);
}

/**
 * Opens a rival: `simple-click-vit-b`, which has to be imported, or `sam:ENCODER.onnx,DECODER.onnx`. Closing the runtime closes it.
 * @throws ADC_USAGE for other names and for options that say nothing of it, ADC_RIVAL, ADC_RUNTIME, what reading good pictures throws.
 */
export async function clickRival(
  name: string,
  { dataset, runtime, zoom = true, flip = true, signal }: RivalRequest,
): Promise<ClickMethod> {
  const usage = (what: string) => fail('ADC_USAGE', { what, command: 'adclick evaluate clicks' });
  const pair = SAM.exec(name);
  if (name !== SIMPLE_CLICK && !pair)
    throw usage(`There is no rival ${name}, only ${SIMPLE_CLICK} and sam:ENCODER.onnx,DECODER.onnx`);
  if (pair && !(zoom && flip)) throw usage(`--no-zoom and --no-flip are options of ${SIMPLE_CLICK}`);
  const windows = await windowsOf(dataset, signal);
  if (pair) return SamMethod.load(runtime, pair[1], pair[2], windows);
  return SimpleClickMethod.load(runtime, { zoom, flip, windows });
}
