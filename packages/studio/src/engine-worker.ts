/** The engine's thread: one piece of model work at a time, clicks before everything else. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { CodedError } from '@adclick/ortgrad';
import { chooseDiverse } from './services/engine/diversity.ts';
import { Models } from './services/engine/models.ts';
import { encodePicture } from './services/engine/pictures.ts';
import type { AnyRequest, EngineSettings, FromEngine, ToEngine, WireError } from './services/engine/protocol.ts';

const port = parentPort as MessagePort;
const { engine: settings } = workerData as { engine: EngineSettings };
const models = new Models(settings);
const controllers = new Map<number, AbortController>();
const post = (message: FromEngine, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, [...transfer]);

interface Task {
  readonly priority: number;
  run(): Promise<void>;
}

const tasks: Task[] = [];
let running = false;

/** Lower numbers first, equal ones in the order they came. */
function enqueue(task: Task): void {
  const at = tasks.findIndex(({ priority }) => priority > task.priority);
  tasks.splice(at < 0 ? tasks.length : at, 0, task);
  if (!running) void drain();
}

async function drain(): Promise<void> {
  running = true;
  for (let task = tasks.shift(); task; task = tasks.shift()) {
    await task.run();
    // A message that has arrived meanwhile may be more urgent than what waits.
    await new Promise((resolve) => setImmediate(resolve));
  }
  running = false;
}

/** Undefined for work that does not touch the models of a picture and so need not wait its turn. */
function priorityOf(request: AnyRequest): number | undefined {
  switch (request.name) {
    case 'predict':
      return 0;
    case 'warm':
      return 1;
    case 'prepare':
      return request.urgent ? 1 : 2;
    default:
      return undefined;
  }
}

function toWire(error: unknown): WireError {
  if (error instanceof CodedError) {
    const { code, message, next, exit, status, details, stack } = error;
    return { code, message, next, exit, status, details, stack };
  }
  if (error instanceof Error) return { message: error.message, stack: error.stack };
  return { message: String(error) };
}

async function answer(call: number, request: AnyRequest, signal: AbortSignal): Promise<[unknown, ArrayBuffer[]]> {
  switch (request.name) {
    case 'category': {
      const onProgress = (progress: import('./progress.ts').ProgressEvent) => post({ call, progress });
      return [await models.openCategory(request.category, request.rebuild, { onProgress, signal }), []];
    }
    case 'predict':
      return [{ rle: await models.predict(request.picture, request.clicks, request.threshold) }, []];
    case 'prepare':
      return [await models.prepare(request.picture), []];
    case 'warm':
      await models.warm(request.picture);
      return [null, []];
    case 'picture': {
      const encoded = await encodePicture(request);
      const bytes = encoded.bytes.slice();
      return [{ ...encoded, bytes }, [bytes.buffer]];
    }
    case 'diversity':
      return [{ order: chooseDiverse(request.vectors, request.labelled) }, []];
    case 'close':
      await models.close();
      return [null, []];
  }
}

async function serve(call: number, request: AnyRequest): Promise<void> {
  const controller = controllers.get(call) as AbortController;
  try {
    controller.signal.throwIfAborted();
    const [value, transfer] = await answer(call, request, controller.signal);
    post({ call, value }, transfer);
  } catch (error) {
    post({ call, error: toWire(error) });
  } finally {
    controllers.delete(call);
  }
}

port.on('message', (message: ToEngine) => {
  if ('cancel' in message) {
    controllers.get(message.cancel)?.abort();
    return;
  }
  const { call, request } = message;
  controllers.set(call, new AbortController());
  const priority = priorityOf(request);
  if (priority === undefined) void serve(call, request);
  else enqueue({ priority, run: () => serve(call, request) });
});
