/** The tables of a project's database, as Kysely sees them. Portable types only: text, integer, double. */
import type { Kysely } from 'kysely';

export interface ImagesTable {
  id: number;
  category: string;
  /** Relative to the project, with forward slashes. */
  path: string;
  /** Pixels of the upright original. */
  width: number;
  height: number;
  /** Size and time of the file when it was looked at last. */
  bytes: number;
  modified: number;
  /** 1 when the file is no longer there; its history is kept. */
  gone: number;
  /** JSON: which file was labelled last, by size, time and hash; null until somebody has. */
  content: string | null;
  state: string;
  review: string;
  version: number;
  /** What the model saw unasked: null until it has looked. */
  score: number | null;
  /** What the score is measured on, 'residual' or 'detector'; null until the model has looked. */
  scale: string | null;
  uncertainty: number | null;
  /** JSON array, a short vector of what the picture looks like. */
  embedding: string | null;
  /** Place in an order in which each image differs most from those before; null until known. */
  diversity: number | null;
  /** Key of the files on disk that hold residual and proposal. */
  prepared: string | null;
}

export interface TypesTable {
  id: number;
  name: string;
  colour: string;
  archived: number;
}

/** Append-only. */
export interface EventsTable {
  image: number;
  version: number;
  author: string;
  time: string;
  session: string | null;
  /** JSON. */
  action: string;
  /** JSON: what it changed in the small part of the state; {} where the targets say it. */
  change: string;
  /** JSON. */
  targets: string;
  /** Milliseconds. */
  duration: number;
}

/** Append-only: what an event did to the bitmaps, as JSON of [type, runs] to flip. */
export interface ResultsTable {
  image: number;
  version: number;
  flips: string;
  joined: number;
}

/** A cache of folded histories, of a version whose results were all there; may be behind, and emptied at any time. */
export interface SnapshotsTable {
  image: number;
  version: number;
  completed: number;
  content: string;
}

/** A cache for filters and statistics: size of every layer. */
export interface LayersTable {
  image: number;
  type: number;
  pixels: number;
  regions: number;
}

export interface UsersTable {
  name: string;
  /** `sha256:` and the SHA-256 of the token's secret; before 0.2 salt and scrypt hash of it. */
  hash: string;
  created: string;
}

export interface SessionsTable {
  /** SHA-256 of the cookie. */
  hash: string;
  user: string;
  expires: string;
}

export interface DeclaredTable {
  /** As adclick.yaml has it, once it was taken over. */
  name: string;
  /** The type that it became, whatever that is called now. */
  type: number;
}

export interface Tables {
  images: ImagesTable;
  types: TypesTable;
  declared: DeclaredTable;
  events: EventsTable;
  results: ResultsTable;
  snapshots: SnapshotsTable;
  layers: LayersTable;
  users: UsersTable;
  sessions: SessionsTable;
}

export type Db = Kysely<Tables>;
