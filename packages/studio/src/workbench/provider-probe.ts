/** Started as a process of its own by `adclick doctor`: runs a one-node graph on one execution provider and says how it went. */
import { addScalar, CodedError, Graph, type Provider, parentWire, Runtime, serveCalls, tensor } from '@adclick/ortgrad';
import { endAtOnce } from '../process-end.ts';
import type { ProbeCalls, ProbeResult } from './providers.ts';

async function probe(provider: Provider): Promise<ProbeResult> {
  const started = performance.now();
  try {
    const runtime = await Runtime.start({ provider, threads: 1 });
    const graph = new Graph('probe');
    graph.output('y', addScalar(graph.input('x', [2]), 1));
    const session = await runtime.load(graph.toModel());
    const { y } = await session.run({ x: tensor(new Float32Array([1, 2]), [2]) });
    await runtime.close();
    const right = y?.data[0] === 2 && y?.data[1] === 3;
    const milliseconds = Math.round(performance.now() - started);
    return right
      ? { usable: true, milliseconds }
      : { usable: false, milliseconds, reason: 'it computes 1 + 1 wrongly' };
  } catch (error) {
    const what = error instanceof CodedError ? String(error.details.what) : String(error);
    return { usable: false, milliseconds: Math.round(performance.now() - started), reason: what };
  }
}

// Whoever asked is gone; what a driver does for ever in another thread must not stay.
process.once('disconnect', () => endAtOnce('SIGTERM'));
serveCalls<ProbeCalls>(parentWire(), { probe: ({ provider }) => probe(provider) });
