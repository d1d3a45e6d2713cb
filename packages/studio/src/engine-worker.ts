/** The engine's thread: decodes pictures, compares them with good ones, and labels them; clicks before everything else. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { openChoice } from './detectors/choice.ts';
import { chooseDiverse } from './engine/diversity.ts';
import { OpenModels } from './engine/open-models.ts';
import { encodePicture } from './engine/pictures.ts';
import {
  type AnyRequest,
  closedEngine,
  type EngineSettings,
  type FromEngine,
  type ToEngine,
} from './engine/protocol.ts';
import { Schedule } from './engine/schedule.ts';
import { toWire } from './engine/wire-error.ts';
import type { OnProgress } from './jobs/progress.ts';
import { PromptService } from './prompts/prompts.ts';

const port = parentPort as MessagePort;
const { engine: settings } = workerData as { engine: EngineSettings };
const models = new OpenModels(settings, {
  detector: openChoice,
  prompts: (project) => {
    const service = new PromptService(project);
    return (category, type) => service.guiding(category, type);
  },
});
const controllers = new Map<number, AbortController>();
const post = (message: FromEngine, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, [...transfer]);

/** Pieces of model work at once: while two wait for onnxruntime, the inputs of a third are prepared. */
const WIDTH = 3;
const schedule = new Schedule(WIDTH);

/** Runs something between two pieces of model work. */
const exclusive = (swap: () => Promise<void>): Promise<void> =>
  new Promise((resolve, reject) =>
    schedule.add({ priority: 0, key: undefined, run: () => swap().then(resolve, reject) }),
  );

/** How urgent work on a picture's models is; undefined for work that need not wait its turn. */
function turnOf(request: AnyRequest): { priority: number; key: string; since?: number } | undefined {
  switch (request.name) {
    case 'predict':
      return { priority: 0, key: request.picture.path, since: request.since };
    case 'warm':
      return { priority: 1, key: request.picture.path };
    case 'prepare':
      return { priority: request.urgent ? 1 : 2, key: request.picture.path };
    case 'detect':
      return { priority: 1, key: `detect ${request.category}` };
    case 'inspect':
      return { priority: 1, key: `detect ${request.picture.category}` };
    default:
      return undefined;
  }
}

async function answer(call: number, request: AnyRequest, signal: AbortSignal): Promise<[unknown, ArrayBuffer[]]> {
  switch (request.name) {
    case 'category': {
      const onProgress: OnProgress = (progress) => post({ call, progress });
      const { category, rebuild } = request;
      return [await models.openCategory(category, rebuild, { onProgress, signal }, exclusive), []];
    }
    case 'predict':
      return [{ rle: await models.predict(request) }, []];
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
    case 'detect':
      return [await models.detect(request.category, request.bytes, request.map), []];
    case 'inspect':
      return [await models.inspect(request.picture, request.by), []];
    case 'diversity':
      return [{ order: chooseDiverse(request.vectors, request.labelled) }, []];
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
    if (controllers.size === 0) idle();
  }
}

/** Called whenever nothing is worked on any more. */
let idle = () => {};

/** Ends all work: what waits is refused, what runs is stopped at its next safe point and waited for. */
async function close(call: number): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    idle = resolve;
  });
  if (controllers.size === 0) idle();
  for (const controller of controllers.values()) controller.abort(closedEngine());
  await models.stop();
  await ended;
  post({ call, value: null });
}

port.on('message', (message: ToEngine) => {
  if ('cancel' in message) {
    controllers.get(message.cancel)?.abort();
    return;
  }
  if ('close' in message) {
    void close(message.close);
    return;
  }
  const { call, request } = message;
  controllers.set(call, new AbortController());
  const turn = turnOf(request);
  if (turn) schedule.add({ ...turn, run: () => serve(call, request) });
  else void serve(call, request);
});
