/** The engine's thread: decodes pictures, compares them with good ones, and labels them; clicks before everything else. */
import { type CallOf, parentWire, serveCalls, threadData } from '@adclick/ortgrad';
import { openChoice } from './detectors/choice.ts';
import { chooseDiverse } from './engine/diversity.ts';
import { OpenModels } from './engine/open-models.ts';
import { encodePicture } from './engine/pictures.ts';
import { type Calls, closedEngine, type EngineSettings } from './engine/protocol.ts';
import { Schedule } from './engine/schedule.ts';
import { PromptService } from './prompts/prompts.ts';

const models = new OpenModels(threadData() as EngineSettings, {
  detector: openChoice,
  prompts: (project) => {
    const service = new PromptService(project);
    return (category, type) => service.guiding(category, type);
  },
});

/** Pieces of model work at once: while two wait for onnxruntime, the inputs of a third are prepared. */
const WIDTH = 3;
const schedule = new Schedule(WIDTH);

/** Runs something between two pieces of model work. */
const exclusive = (swap: () => Promise<void>): Promise<void> =>
  new Promise((resolve, reject) =>
    schedule.add({ priority: 0, key: undefined, run: () => swap().then(resolve, reject) }),
  );

/** How urgent work on a picture's models is; undefined for work that need not wait its turn. */
function turnOf({ name, request }: CallOf<Calls>): { priority: number; key: string; since?: number } | undefined {
  switch (name) {
    case 'predict':
      return { priority: 0, key: request.picture.path, since: request.since };
    case 'candidates':
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

serveCalls<Calls>(
  parentWire(),
  {
    category: ({ category, how }, { signal, progress }) =>
      models.openCategory(category, how, { onProgress: progress, signal }, exclusive),
    predict: async (request) => ({ rle: await models.predict(request) }),
    candidates: (request) => models.candidates(request),
    prepare: ({ picture }) => models.prepare(picture),
    warm: async ({ picture }) => {
      await models.warm(picture);
      return null;
    },
    picture: async (request, { transfer }) => {
      const encoded = await encodePicture(request);
      const bytes = encoded.bytes.slice();
      transfer.push(bytes.buffer);
      return { ...encoded, bytes };
    },
    detect: ({ category, bytes, map }) => models.detect(category, bytes, map),
    inspect: ({ picture, by }) => models.inspect(picture, by),
    diversity: ({ vectors, labelled }) => ({ order: chooseDiverse(vectors, labelled) }),
  },
  {
    schedule: (call, run) => {
      const turn = turnOf(call);
      if (turn) schedule.add({ ...turn, run });
      else void run();
    },
    closed: closedEngine,
    onClose: () => models.stop(),
  },
);
