/** The server's routes as functions; every failure becomes one of three kinds that callers can tell apart. */
import {
  type Action,
  type ActionAnswer,
  API,
  actionAnswer,
  apiError,
  type Candidates,
  type DefectType,
  type DetectorChoice,
  type DetectorEntry,
  type HistoryEvent,
  type ImageDetail,
  type ImageDetection,
  type ImagePage,
  type ImageQuery,
  type Job,
  type JobRequest,
  type ProjectInfo,
  type PromptList,
  type Proposal,
  type Statistics,
} from 'adclick/api';

/** The server answered and said no. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What the person can do next. */
    readonly next: string,
    /** Whether the same may be taken later, once what stands in its way has passed. */
    readonly passing = false,
  ) {
    super(message);
  }
}

/** The server has stored an action whose mask it could not compute. */
export class WithoutMask extends Error {
  override readonly name = 'WithoutMask';
  constructor(
    /** The version under which it is stored. */
    readonly version: number,
    message: string,
    readonly next: string,
  ) {
    super(message);
  }
}

/** The server did not answer, or cannot do it now: worth trying again. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  constructor(
    message: string,
    /** What the server said, where it did answer. */
    readonly said: string | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A failure as people read it: what happened and what to do next. */
export function wordsOf(error: unknown): string {
  if (error instanceof Refusal || error instanceof WithoutMask)
    return `${error.message.replace(/\.$/, '')}. ${error.next}`;
  if (error instanceof Unreachable) return error.said ?? 'The server does not answer. Try again in a moment.';
  return error instanceof Error ? error.message : String(error);
}

/** The server has gone on to another version; `current` is what stands there. */
export class StaleWrite extends Error {
  override readonly name = 'StaleWrite';
  constructor() {
    super('someone else has changed this image');
  }
}

/** Where the routes lie: beside the page, which a proxy may have put into a folder. */
const ROUTES = API.slice(1);

/** Answers that are worth another attempt later; 507: its disk is full. */
const LATER = new Set([408, 425, 429, 500, 502, 503, 504, 507]);

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${ROUTES}${path}`, { credentials: 'same-origin', ...init });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new Unreachable('no answer from the server', null, { cause });
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => null);
  if (response.status === 409 && body && typeof body === 'object' && 'current' in body) throw new StaleWrite();
  const parsed = apiError.safeParse(body);
  const { code, message, next, passing } = parsed.success
    ? parsed.data.error
    : {
        ...{ code: `HTTP_${response.status}`, message: `The server answered ${response.status}`, next: 'Try again.' },
        passing: undefined,
      };
  if (parsed.success && parsed.data.stored !== undefined) throw new WithoutMask(parsed.data.stored, message, next);
  if (LATER.has(response.status))
    throw new Unreachable(`the server answered ${response.status}`, `${message.replace(/\.$/, '')}. ${next}`);
  throw new Refusal(response.status, code, message, next, passing !== undefined);
}

const json = (method: string, body: unknown): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

async function answer<Answer>(path: string, init?: RequestInit): Promise<Answer> {
  const response = await request(path, init);
  try {
    return (await response.json()) as Answer;
  } catch (cause) {
    throw new Unreachable('the answer broke off', null, { cause });
  }
}

function search(query: Readonly<Record<string, string | number | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value));
  const text = parameters.toString();
  return text ? `?${text}` : '';
}

/** Grey values of 65535 that become black and white. */
export interface GreyWindow {
  readonly low: number;
  readonly high: number;
}

/** Phrases to add to and to delete from a type of a category. */
export interface PromptChange {
  readonly category: string;
  readonly type: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

export type ListQuery = Partial<ImageQuery>;

/** Whose an action is, and on which project it was made. */
export interface Owner {
  readonly user: string;
  readonly project: string;
}

export const pictureUrl = (image: number, window?: GreyWindow | null): string =>
  `${ROUTES}/images/${image}/picture${search({ low: window?.low, high: window?.high })}`;
export const thumbnailUrl = (image: number): string => `${ROUTES}/images/${image}/picture?size=thumbnail`;
/** The residual as a heat map of the picture's shape, PNG. @throws Refusal, Unreachable. */
export const residualMap = async (image: number, signal: AbortSignal): Promise<Blob> =>
  (await request(`/images/${image}/residual`, { signal })).blob();
/** The n-th nearest good picture, from 0. */
export const nearestUrl = (image: number, rank: number): string => `${ROUTES}/images/${image}/nearest/${rank}`;
export const eventsUrl = `${ROUTES}/events`;

/** What the page's state needs of the server; tests put a small one in memory in its place. */
export interface Api {
  project(): Promise<ProjectInfo>;
  images(query: ListQuery): Promise<ImagePage>;
  image(id: number): Promise<ImageDetail>;
  proposal(id: number): Promise<Proposal>;
  /** What might belong to the region in work too. */
  candidates(id: number): Promise<Candidates>;
  history(id: number): Promise<HistoryEvent[]>;
  act(id: number, base: number, action: Action, session: string, owner?: Owner): Promise<ActionAnswer>;
  picture(id: number, window?: GreyWindow | null): Promise<Blob>;
  statistics(): Promise<Statistics>;
  prompts(): Promise<PromptList>;
  editPrompts(edit: PromptChange): Promise<void>;
  detectors(): Promise<DetectorEntry[]>;
  /** Trains a detector on the labels of a category. */
  train(category: string): Promise<Job>;
  /** Lets the detector of a category follow the images without a defect. */
  takeAsGood(category: string): Promise<Job>;
  /** Newest and previous detector of a category change places. */
  restoreDetector(category: string): Promise<void>;
  /** What one of the detectors finds in an image. */
  detection(id: number, by: DetectorChoice): Promise<ImageDetection>;
  jobs(): Promise<Job[]>;
  startJob(job: JobRequest): Promise<Job>;
  cancelJob(id: string): Promise<void>;
  addType(name: string, colour: string): Promise<DefectType>;
  changeType(id: number, patch: Partial<Pick<DefectType, 'name' | 'colour' | 'archived'>>): Promise<void>;
  login(token: string): Promise<void>;
}

/** The real server, where the page came from. */
export const httpApi: Api = {
  project: () => answer('/project'),
  images: (query) => answer(`/images${search(query)}`),
  image: (id) => answer(`/images/${id}`),
  proposal: (id) => answer(`/images/${id}/proposal`),
  candidates: (id) => answer(`/images/${id}/candidates`),
  history: async (id) => (await answer<{ events: HistoryEvent[] }>(`/images/${id}/history`)).events,
  act: async (id, base, action, session, owner) => {
    const body = { base, action, session, author: owner?.user, project: owner?.project };
    return actionAnswer.parse(await answer(`/images/${id}/actions`, json('POST', body)));
  },
  picture: async (id, window) => {
    const response = await request(pictureUrl(id, window).slice(ROUTES.length));
    return response.blob();
  },
  statistics: () => answer('/statistics'),
  prompts: () => answer('/prompts'),
  editPrompts: async (edit) => {
    await request('/prompts', json('POST', edit));
  },
  detectors: async () => (await answer<{ detectors: DetectorEntry[] }>('/detectors')).detectors,
  train: (category) => answer('/detectors', json('POST', { category })),
  takeAsGood: (category) => answer('/detectors/adapt', json('POST', { category })),
  restoreDetector: async (category) => {
    await request('/detectors/restore', json('POST', { category }));
  },
  detection: (id, by) => answer(`/images/${id}/detection${search({ by })}`),
  jobs: async () => (await answer<{ jobs: Job[] }>('/jobs')).jobs,
  startJob: (job) => answer('/jobs', json('POST', job)),
  cancelJob: async (id) => {
    await request(`/jobs/${id}`, { method: 'DELETE' });
  },
  addType: (name, colour) => answer('/types', json('POST', { name, colour })),
  changeType: async (id, patch) => {
    await request(`/types/${id}`, json('PATCH', patch));
  },
  login: async (token) => {
    await request('/login', json('POST', { token }));
  },
};
