/** Parts of the method that run by themselves: the same ops as in larger graphs, compiled for the sizes that are met. */
import type { Graph, Runtime, Tensor } from '@adclick/ortgrad';
import { SessionCache } from '../features/sessions.ts';

/** Compiled graphs by runtime, so that every index of a process shares them. */
const shared = new WeakMap<Runtime, SessionCache>();

/** Graphs that are kept of a runtime: a few a size of grid and a number of good pictures. */
const KEPT = 24;

/**
 * Runs a graph and gives its outputs by name.
 * @param key names the graph with its sizes; @param build makes it where the key is new.
 */
export function runGraph(
  runtime: Runtime,
  key: string,
  build: () => Graph,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const sessions = shared.get(runtime) ?? new SessionCache(KEPT);
  shared.set(runtime, sessions);
  const load = () => runtime.load(build().toModel(), { yields: true });
  return sessions.use(key, load, (session) => session.run(inputs));
}
