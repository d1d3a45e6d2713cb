/**
 * What page and server say to each other: one schema gives the types, the server's validation, the OpenAPI document and the page's client.
 * Browser-safe: nothing here needs Node.
 *
 * All routes lie under {@link API}. Coordinates and bitmaps are in pixels of the upright original.
 */
import { z } from 'zod';

/** Prefix of every route. */
export const API = '/api/v1';

/** A count in a sentence of page or command line: "1 image", "1,200 images". */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

const id = z.int().min(1);
const name = z.string().trim().min(1).max(80);
/** The one name that is lost where names are keys of objects, as in files of prompts. */
export const LOST_NAME = '__proto__';
const newName = name.refine((text) => text !== LOST_NAME, 'must be another name');
const colour = z.string().regex(/^#[0-9a-f]{6}$/, 'must be a colour such as #e5484d');
const coordinate = z.int().min(0).max(100_000);
const probability = z.number().min(0).max(1);
const time = z.iso.datetime();

/** A bitmap as run lengths, see core's image/rle.ts. */
export const rle = z.strictObject({
  width: z.int().min(1).max(100_000),
  height: z.int().min(1).max(100_000),
  counts: z.array(z.int().min(0)).max(4_000_000),
});

/** A click of the annotator. */
export const click = z.strictObject({ x: coordinate, y: coordinate, positive: z.boolean() });
/** Clicks that one action makes at most. */
export const CLICKS_AT_ONCE = 20;

export const defectType = z.strictObject({ id, name, colour, archived: z.boolean() });

/** What is known of an image: nothing yet, what its defects are, that it has none. */
export const imageState = z.enum(['todo', 'defect', 'good']);
/** What a second pair of eyes says. */
export const review = z.enum(['none', 'approved', 'rejected']);

/** A line of the queue. */
export const imageSummary = z.strictObject({
  id,
  category: name,
  /** Path relative to the project. */
  path: z.string(),
  width: z.int(),
  height: z.int(),
  state: imageState,
  review,
  /** Defect types that its mask holds. */
  types: z.array(id),
  /** Number of events; grows with every change. */
  version: z.int().min(0),
  /** Why it stands where it stands, for people: "residual 3.2, far above good pictures". */
  reason: z.string(),
  /** Whether residual and proposal are there already, so that it opens at once. */
  ready: z.boolean(),
});

/** The mask of one defect type. */
export const layer = z.strictObject({ type: id, rle });

/** A type of sample, and which values of it the models see as black and as white. */
export const seenSamples = z.strictObject({ type: z.string(), low: z.number(), high: z.number() });

/** Everything the canvas shows of an image. */
export const imageDetail = imageSummary.extend({
  layers: z.array(layer),
  /** Clicks of the region in work: those since the last edit that ended one. */
  clicks: z.array(click),
  /** Defect type of the region in work. */
  activeType: id.nullable(),
  /** Probability above which a pixel of the region in work belongs to the defect. */
  threshold: probability,
  canUndo: z.boolean(),
  canRedo: z.boolean(),
  /** Names of the nearest good pictures, nearest first, once they are known. */
  nearest: z.array(z.string()),
  /** Samples of more than 8 bits: their type, and which are black and white. Null for 8 bits, and until a model has looked. */
  seen: seenSamples.nullable(),
  /** What somebody should know of the picture: pages that are not shown, samples of another kind or beyond the window. */
  notes: z.array(z.string()),
});

/** What an annotator can do to an image; each becomes one event of its history. */
export const action = z.discriminatedUnion('kind', [
  /** Adds a click for a region of a type; the server answers with the mask it gives. A click of another type begins a new region. */
  z.strictObject({ kind: z.literal('click'), type: id, click }),
  /** Several clicks for one region at once, which is one step of undo. */
  z.strictObject({ kind: z.literal('clicks'), type: id, clicks: z.array(click).min(1).max(CLICKS_AT_ONCE) }),
  z.strictObject({ kind: z.literal('moveClick'), index: z.int().min(0), x: coordinate, y: coordinate }),
  z.strictObject({ kind: z.literal('deleteClick'), index: z.int().min(0) }),
  /** Another threshold for the region in work. */
  z.strictObject({ kind: z.literal('threshold'), value: probability }),
  /** Ends the region in work, so that the next click begins another one. */
  z.strictObject({ kind: z.literal('finishRegion') }),
  /** Bitmaps that a drawing tool made: pixels to set and pixels to clear in one type's layer. */
  z.strictObject({
    kind: z.literal('paint'),
    tool: z.enum(['brush', 'eraser', 'polygon', 'box', 'wand', 'fillHoles', 'removeRegion']),
    type: id,
    add: rle.nullable(),
    remove: rle.nullable(),
  }),
  /** Takes the zero-click proposal as the mask of a type. */
  z.strictObject({ kind: z.literal('acceptProposal'), type: id }),
  /** Removes the whole mask. */
  z.strictObject({ kind: z.literal('clear') }),
  /** Gives all pixels of one type to another. */
  z.strictObject({ kind: z.literal('changeType'), from: id, to: id }),
  z.strictObject({ kind: z.literal('state'), state: imageState }),
  z.strictObject({ kind: z.literal('review'), review }),
  z.strictObject({ kind: z.literal('undo') }),
  z.strictObject({ kind: z.literal('redo') }),
]);

/** The clicks that an action adds. */
export const clicksMade = (made: z.infer<typeof action>): readonly z.infer<typeof click>[] =>
  made.kind === 'click' ? [made.click] : made.kind === 'clicks' ? made.clicks : [];

/** `POST /images/:id/actions`. `base` is the version that the annotator saw: another one gets 409 with {@link conflict}. */
export const actionRequest = z.strictObject({
  base: z.int().min(0),
  action,
  session: z.string().max(64).optional(),
  /** Whose action it is, and on which project: a browser may have kept it while somebody else logged in, or another project took the port. */
  author: z.string().max(200).optional(),
  project: z.string().max(64).optional(),
});

/** The answer: the action is on disk. Layers hold only what changed; an empty bitmap removes a layer. */
export const actionAnswer = z.strictObject({
  version: z.int(),
  layers: z.array(layer),
  clicks: z.array(click),
  activeType: id.nullable(),
  threshold: probability,
  state: imageState,
  review,
  canUndo: z.boolean(),
  canRedo: z.boolean(),
  /** True when a newer action made the prediction for this one needless; its event is kept all the same. */
  superseded: z.boolean(),
});

/**
 * Every failure: the `ADC_…` code, what went wrong with the value, the next step, the field where there is one, and how it may pass, where
 * the same request may succeed later.
 */
export const apiError = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    next: z.string(),
    field: z.string().optional(),
    passing: z.enum(['by itself', 'once mended']).optional(),
  }),
  /** The version under which an action is stored whose mask could not be computed; to be done again it has not. */
  stored: z.int().min(1).optional(),
});

/** 409: what stands on the server at this moment. Masks of clicks that still wait are not in it; `GET /images/:id` waits for them. */
export const conflict = apiError.extend({ current: imageDetail });

/** `GET /images`. */
export const imageQuery = z.strictObject({
  category: name.optional(),
  state: imageState.optional(),
  review: review.optional(),
  type: z.coerce.number().int().min(1).optional(),
  search: z.string().max(200).optional(),
  order: z.enum(['uncertainty', 'residual', 'diversity', 'name']).default('residual'),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
export const imagePage = z.strictObject({ total: z.int(), images: z.array(imageSummary) });

/** `GET /images/:id/picture`: JPEG or PNG of the upright picture as the models see it; `low` and `high`, of 65535, become black and white instead. */
export const pictureQuery = z.strictObject({
  size: z.enum(['thumbnail', 'full']).default('full'),
  low: z.coerce.number().int().min(0).max(65_535).optional(),
  high: z.coerce.number().int().min(0).max(65_535).optional(),
});

/** `GET /images/:id/proposal`: what the model sees unasked; `rle` is null where it sees nothing, and until it has looked. */
export const proposal = z.strictObject({ ready: z.boolean(), rle: rle.nullable(), score: z.number() });

/**
 * `GET /images/:id/candidates`: parts that might belong to the region in work and are not in its mask, since no click asks for them. Nothing
 * without clicks, while the mask of one is missing, and where what the model said of these clicks is not kept: they are not asked of it again.
 */
export const candidates = z.strictObject({
  /** The version of the image that they belong to. */
  version: z.int().min(0),
  /** The parts of `points`, without what is marked already, as whichever type; null where there are none. */
  rle: rle.nullable(),
  /** Where a positive click takes each part, the largest first. Of more than {@link CLICKS_AT_ONCE} the smaller ones are left out. */
  points: z.array(z.strictObject({ x: coordinate, y: coordinate })).max(CLICKS_AT_ONCE),
});

/** `GET /images/:id/history`, oldest first. */
export const historyEvent = z.strictObject({
  version: z.int(),
  author: z.string(),
  time,
  /** An import is nothing an annotator can ask for, but it stands in the history. */
  action: z.union([action, z.strictObject({ kind: z.literal('import'), source: z.string() })]),
  /** False for events that were undone. */
  active: z.boolean(),
});
export const history = z.strictObject({ events: z.array(historyEvent) });

export const category = z.strictObject({
  name,
  images: z.int(),
  normals: z.int(),
  indexed: z.boolean(),
});

/** `GET /project`. */
export const project = z.strictObject({
  /** Stands for its labels, wherever they lie. */
  id: z.string(),
  name: z.string(),
  version: z.string(),
  user: z.string(),
  categories: z.array(category),
  types: z.array(defectType),
  counts: z.strictObject({ todo: z.int(), defect: z.int(), good: z.int() }),
  /** Sentences on files in the project's folders that look like pictures and are not in the queue. */
  passedOver: z.array(z.string()),
});

/** `GET /types`. */
export const types = z.strictObject({ types: z.array(defectType) });

/** `POST /types` and `PATCH /types/:id`. */
export const typeDraft = z.strictObject({ name: newName, colour });
export const typePatch = z.strictObject({
  name: newName.optional(),
  colour: colour.optional(),
  archived: z.boolean().optional(),
});

export const FORMATS = ['mvtec', 'coco', 'yolo', 'voc', 'labelstudio', 'cvat', 'datumaro', 'labelme'] as const;
export const format = z.enum(FORMATS);

/** `POST /jobs`. Folders are inside the project. */
export const jobRequest = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('index'), category: name.optional() }),
  z.strictObject({ kind: z.literal('export'), format, folder: z.string().min(1).max(400) }),
  z.strictObject({ kind: z.literal('import'), format, folder: z.string().min(1).max(400) }),
  /** Writes prompts: a language model where one is named and `offline` is not set, else the grammar. */
  z.strictObject({
    kind: z.literal('prompts'),
    category: name.optional(),
    /** Name of a defect type. */
    type: name.optional(),
    offline: z.boolean().optional(),
    /** Also for types that have prompts, in their place. */
    replace: z.boolean().optional(),
  }),
]);
export const job = z.strictObject({
  id: z.string(),
  kind: z.enum(['index', 'prepare', 'export', 'import', 'prompts', 'train', 'adapt']),
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  label: z.string(),
  done: z.int(),
  total: z.int().nullable(),
  /** A word on its present state, such as "loss 0.12"; null where there is nothing to say, and when it has ended. */
  detail: z.string().nullable(),
  /** What came of it, or the error line. */
  result: z.string().nullable(),
  /** How many labels or images it had to leave out, where it was done but no plain success. */
  leftOut: z.int().min(0).optional(),
});
export const jobs = z.strictObject({ jobs: z.array(job) });

/** A trained detector of a category. */
export const detectorInfo = z.strictObject({
  /** Stands for the file's content. */
  stamp: z.string(),
  /** When it was trained, and on how many labels; null where its file came from elsewhere. */
  time: time.nullable(),
  labels: z.int().nullable(),
  /** `residual`: the network was no better than the residual alone, and was left aside. */
  from: z.enum(['network', 'residual']).nullable(),
  /** What training had to say, such as figures on held-out labels. */
  notes: z.array(z.string()),
});

/** A category with what its detector could be trained on, and the detectors that it has. */
export const detectorEntry = z.strictObject({
  category: name,
  /** Images with a marked defect. */
  labels: z.int(),
  /** Fewest labels that training takes, and how many are usual. */
  needed: z.int(),
  usual: z.int(),
  newest: detectorInfo.nullable(),
  /** The one that the newest replaced. */
  previous: detectorInfo.nullable(),
  /** Stands for the file of the one that is made of good pictures alone; null until one was made. */
  residual: z.string().nullable(),
  /** Images that somebody has marked as having no defect; of these, those that the detector in use has not taken as good yet. */
  goods: z.strictObject({ marked: z.int(), untaken: z.int() }),
});

/** `GET /detectors`. */
export const detectors = z.strictObject({ detectors: z.array(detectorEntry) });

/** `POST /detectors`: trains one on the labels of a category. */
export const trainRequest = z.strictObject({
  /** May be left out where there is only one. */
  category: name.optional(),
  /** Optimiser steps; default: as many as the command line's. */
  steps: z.int().min(1).max(1_000_000).optional(),
  seed: z.int().min(0).max(2_147_483_647).optional(),
});

/** `POST /detectors/adapt`: the thresholds of a category's detector follow images that somebody has marked as having no defect. */
export const adaptRequest = z.strictObject({
  /** May be left out where there is only one. */
  category: name.optional(),
});

/** `POST /detectors/restore`: newest and previous detector change places. */
export const restoreRequest = z.strictObject({ category: name });

/** Which detector: the newest trained one, the one before it, or the residual without any training. */
export const detectorChoice = z.enum(['newest', 'previous', 'residual']);

/** `GET /images/:id/detection`. */
export const detectionQuery = z.strictObject({ by: detectorChoice.default('newest') });

/** Phrases that describe a defect type of a category to the models. */
export const promptSet = z.strictObject({
  category: name,
  /** Name of the defect type. */
  type: name,
  /** Who wrote them first: `grammar`, `hand`, the name of a language model; empty where there are none yet. */
  by: z.string(),
  phrases: z.array(z.string()),
});

/** `GET /prompts`. */
export const promptQuery = z.strictObject({ category: name.optional(), type: name.optional() });
export const prompts = z.strictObject({
  prompts: z.array(promptSet),
  /** Name of the language model that writes new ones; null: the grammar. */
  model: z.string().nullable(),
});

const phrase = z.string().trim().min(1).max(400);

/** `POST /prompts`: adds and deletes phrases of one type, all of them or none. */
export const promptEdit = z.strictObject({
  category: name,
  type: name,
  add: z.array(phrase).max(200).default([]),
  remove: z.array(phrase).max(200).default([]),
});

/** `GET /statistics`. */
export const statistics = z.strictObject({
  labelled: z.int(),
  /** Median seconds from opening an image to its last action, and clicks an image. */
  secondsPerImage: z.number().nullable(),
  clicksPerImage: z.number().nullable(),
  byType: z.array(z.strictObject({ type: id, images: z.int(), regions: z.int(), pixels: z.int() })),
  byAuthor: z.array(z.strictObject({ author: z.string(), images: z.int(), clicks: z.int() })),
  perDay: z.array(z.strictObject({ day: z.string(), images: z.int() })),
});

/** `GET /events`, server-sent: the event's name is `kind`. */
export const serverEvent = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('image'),
    id,
    version: z.int(),
    author: z.string(),
    session: z.string().optional(),
  }),
  /** An image has been looked at: what its line says now, where the list is in one of these orders. */
  z.strictObject({
    kind: z.literal('ready'),
    id,
    reasons: z.strictObject({ residual: z.string(), uncertainty: z.string() }).optional(),
  }),
  z.strictObject({ kind: z.literal('job'), job }),
  z.strictObject({ kind: z.literal('types'), types: z.array(defectType) }),
]);

/** `GET /health`: the server answers. */
const box = z.strictObject({ x: coordinate, y: coordinate, width: z.int().min(1), height: z.int().min(1) });

/** Query of `POST /detect`. */
export const detectQuery = z.strictObject({
  /** Category of the picture, where the project has several. */
  category: z.string().min(1).max(200).optional(),
  /** `true` adds the map. */
  map: z.enum(['true', 'false']).optional(),
});

/** What a detector finds in a picture, in pixels of the upright picture. */
export const detectAnswer = z.strictObject({
  category: z.string(),
  detector: z.string(),
  width: z.int(),
  height: z.int(),
  /** In [0,1]. */
  score: z.number(),
  isDefect: z.boolean(),
  /** Largest area first. */
  regions: z.array(
    z.strictObject({
      area: z.int(),
      box,
      peak: z.strictObject({ x: coordinate, y: coordinate, value: z.number() }),
    }),
  ),
  /** 16-bit grey PNG in base64, 65535 is 1. */
  map: z.string().nullable(),
  /** What somebody should know of the picture: pages that were not looked at, samples of another kind or beyond the window. */
  notes: z.array(z.string()),
  /** That the last pictures differ from the good ones that the detector knows, so that false alarms are to be expected; else null. */
  differs: z.string().nullable(),
  ms: z.int(),
});

/** What one of a category's detectors finds in an image of the queue. The map is an 8-bit grey PNG of at most 1024 pixels a side. */
export const imageDetection = detectAnswer.extend({
  by: detectorChoice,
  /** What the map is: the residual's length, or a trained network's probability. */
  from: z.enum(['network', 'residual']),
  /** Above the first the image is defective (where the score decides), above the second a pixel belongs to a region. */
  thresholds: z.strictObject({ score: z.number(), map: z.number() }),
  map: z.string(),
});

export const health = z.strictObject({ ok: z.boolean(), version: z.string() });

/** Answer of `POST /login`; the cookie comes with it. */
export const session = z.strictObject({ user: z.string() });

/** `POST /login`: exchanges a token for a session cookie, where the server asks for one. */
export const login = z.strictObject({ token: z.string().min(8).max(200) });

export type Rle = z.infer<typeof rle>;
export type DefectType = z.infer<typeof defectType>;
export type ImageState = z.infer<typeof imageState>;
export type Review = z.infer<typeof review>;
export type ImageSummary = z.infer<typeof imageSummary>;
export type SeenSamples = z.infer<typeof seenSamples>;
export type ImageDetail = z.infer<typeof imageDetail>;
export type Layer = z.infer<typeof layer>;
export type Action = z.infer<typeof action>;
export type ActionRequest = z.infer<typeof actionRequest>;
export type ActionAnswer = z.infer<typeof actionAnswer>;
export type ApiError = z.infer<typeof apiError>;
export type Conflict = z.infer<typeof conflict>;
export type ImageQuery = z.infer<typeof imageQuery>;
export type ImagePage = z.infer<typeof imagePage>;
export type Proposal = z.infer<typeof proposal>;
export type Candidates = z.infer<typeof candidates>;
export type HistoryEvent = z.infer<typeof historyEvent>;
export type ProjectInfo = z.infer<typeof project>;
export type Format = z.infer<typeof format>;
export type JobRequest = z.infer<typeof jobRequest>;
export type Job = z.infer<typeof job>;
export type DetectAnswer = z.infer<typeof detectAnswer>;
export type DetectorInfo = z.infer<typeof detectorInfo>;
export type DetectorEntry = z.infer<typeof detectorEntry>;
export type TrainRequest = z.infer<typeof trainRequest>;
export type DetectorChoice = z.infer<typeof detectorChoice>;
export type ImageDetection = z.infer<typeof imageDetection>;
export type PromptSet = z.infer<typeof promptSet>;
export type PromptList = z.infer<typeof prompts>;
export type Statistics = z.infer<typeof statistics>;
export type ServerEvent = z.infer<typeof serverEvent>;
