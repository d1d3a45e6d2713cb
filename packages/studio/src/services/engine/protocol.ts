/** What the server's thread and the engine's thread say to each other. Plain values only: they are copied between threads. */
import type { Rle } from '@adclick/core';
import type { ErrorDetails } from '@adclick/ortgrad';
import type { DetectAnswer } from '../../api.ts';
import type { LabelClick } from '../../labels/history.ts';
import type { ProgressEvent } from '../../progress.ts';
import type { Project } from '../../project.ts';

/** A picture file and what tells one content from another. */
export interface PictureFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly modified: number;
}

export interface ModelPicture extends PictureFile {
  readonly category: string;
}

/** What the engine is started with. */
export interface EngineSettings {
  readonly project: Project;
  /** Threads of one operator; default: all the process may use. */
  readonly threads?: number;
}

/** What the model sees in a picture unasked; lies on disk beside the residual. */
export interface Prepared {
  /** Folder and name of its files in `.adclick/prepared`. */
  readonly key: string;
  /** Pixels above the project's threshold without a click. */
  readonly rle: Rle;
  /** Mean residual of the ten most unusual places; about 1 where a picture is as good ones are. */
  readonly score: number;
  /** 0 where the model is sure of every pixel it considers, 1 where it is not of any. */
  readonly uncertainty: number;
  /** What the picture looks like, a short vector of length 1. */
  readonly embedding: readonly number[];
  /** Nearest good pictures, nearest first. */
  readonly neighbours: readonly { readonly name: string; readonly path: string | null }[];
}

/** A picture for the page. */
export interface EncodedPicture {
  readonly bytes: Uint8Array;
  readonly type: 'image/jpeg' | 'image/png';
}

/** Every request with its answer. */
export interface Calls {
  /** Opens a category's index, or builds it (again, where `rebuild`). Answers with the key that its preparations carry. */
  category: { request: { category: string; rebuild: boolean }; answer: { key: string; pictures: number } };
  /**
   * The mask after some clicks. `defect`: name of the type, whose prompts guide the model; `since`: when the last click was made,
   * in milliseconds; who has waited longest goes first.
   */
  predict: {
    request: {
      picture: ModelPicture;
      clicks: readonly LabelClick[];
      threshold: number;
      defect: string | undefined;
      since: number;
    };
    answer: { rle: Rle };
  };
  /** Residual, proposal and scores of a picture, from disk where they are there. */
  prepare: { request: { picture: ModelPicture; urgent: boolean }; answer: Prepared };
  /** Makes a picture ready for clicks. */
  warm: { request: { picture: ModelPicture }; answer: null };
  picture: {
    request: { picture: PictureFile; size: 'thumbnail' | 'full'; low?: number; high?: number };
    answer: EncodedPicture;
  };
  /** Places of pictures in an order in which each differs most from those before it; labelled ones are never chosen. */
  diversity: {
    request: { vectors: readonly (readonly number[])[]; labelled: readonly boolean[] };
    answer: { order: readonly number[] };
  };
  /** What the category's detector finds in a picture that is given as the bytes of a file. */
  detect: {
    request: { category: string; bytes: Uint8Array; map: boolean };
    answer: DetectAnswer;
  };
  close: { request: object; answer: null };
}

export type CallName = keyof Calls;
export type AnyRequest = { [Name in CallName]: { readonly name: Name } & Calls[Name]['request'] }[CallName];

/** A coded error on its way between threads. */
export interface WireError {
  readonly code?: string;
  readonly message: string;
  readonly next?: string;
  readonly exit?: 1 | 2;
  readonly status?: number;
  readonly details?: ErrorDetails;
  readonly stack?: string;
  readonly aborted?: boolean;
}

export type ToEngine = { readonly call: number; readonly request: AnyRequest } | { readonly cancel: number };

export type FromEngine =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: WireError }
  | { readonly call: number; readonly progress: ProgressEvent };
