/** What the server's thread and the engine's thread say to each other. Plain values only: they are copied between threads. */
import type { Windows } from '@adclick/core';
import type { Rle } from '@adclick/core/geometry';
import type { DetectAnswer, DetectorChoice, ImageDetection, SeenSamples } from '../api.ts';
import { fail } from '../errors.ts';
import type { LabelClick } from '../history/face.ts';
import type { ProgressEvent } from '../jobs/progress.ts';
import type { Project } from '../project/project.ts';
import type { CandidateParts } from './candidates.ts';

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

/** What a score is measured on: the mean residual of the most unusual places, or the log odds that a trained detector gives. */
export type ScoreScale = 'residual' | 'detector';

/** What the model sees in a picture unasked; lies on disk beside the residual. */
export interface Prepared {
  /** Folder and name of its files in `.adclick/prepared`. */
  readonly key: string;
  /** What a trained detector marks; where there is none, pixels above the project's threshold without a click. */
  readonly rle: Rle;
  /** What the score is measured on. */
  readonly scale: ScoreScale;
  /** How much the picture differs from good ones: about 1 where it is as they are, 2 where it is worth a look. */
  readonly score: number;
  /** 0 where the model is sure of every pixel it considers, 1 where it is not of any. */
  readonly uncertainty: number;
  /** What the picture looks like, a short vector of length 1. */
  readonly embedding: readonly number[];
  /** The samples' type and the window they are seen through; null for 8 bits. */
  readonly seen?: SeenSamples | null;
  /** What somebody should know of the picture: pages that are not shown, samples of another kind or beyond the window. */
  readonly notes?: readonly string[];
  /** Nearest good pictures, nearest first. */
  readonly neighbours: readonly { readonly name: string; readonly path: string | null }[];
}

/** A picture for the page. */
export interface EncodedPicture {
  readonly bytes: Uint8Array;
  /** Whether it is shown through a window of its own, since that of its product is not known yet. */
  readonly provisional?: boolean;
  readonly type: 'image/jpeg' | 'image/png';
}

/**
 * What is opened of a category: what is open already, or else what is on disk; what is on disk now in any case; or what is there after its
 * good pictures were looked at again. Where nothing is on disk, it is built.
 */
export type Opening = 'kept' | 'anew' | 'rebuilt';

/** Every request with its answer. */
export interface Calls {
  /** Opens a category's index. Answers with the key that its preparations carry, which is another one with another detector. */
  category: {
    request: { category: string; how: Opening };
    answer: { key: string; pictures: number };
    progress: ProgressEvent;
  };
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
  /**
   * What `predict` left out of the mask for the same request, where that is kept of it; nothing elsewhere. `marked`: what the layers of all
   * types hold.
   */
  candidates: { request: Calls['predict']['request'] & { marked: Rle }; answer: CandidateParts };
  /** Residual, proposal and scores of a picture, from disk where they are there. */
  prepare: { request: { picture: ModelPicture; urgent: boolean }; answer: Prepared };
  /** Makes a picture ready for clicks. */
  warm: { request: { picture: ModelPicture }; answer: null };
  picture: {
    request: {
      picture: PictureFile;
      size: 'thumbnail' | 'full';
      /** Of the product's index; 'own' where there is none, undefined where it is of version 0.1.0 and sees full ranges. */
      windows?: Windows | 'own';
      low?: number;
      high?: number;
    };
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
  /** What one of the category's detectors finds in a picture of the queue. */
  inspect: {
    request: { picture: ModelPicture; by: DetectorChoice };
    answer: ImageDetection;
  };
}

export type CallName = keyof Calls;

/** What work meets that comes too late. */
export const closedEngine = () => fail('ADC_RUNTIME', { provider: 'the engine', what: 'it was closed' });
