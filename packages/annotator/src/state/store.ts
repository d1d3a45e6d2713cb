/** Everything the page shows, in one store; the controllers in this folder change it, components and canvas read it. */
import type { ImagePoint } from '@adclick/core/geometry';
import type { Candidates, DefectType, ImageDetail, ImageSummary, Job, ProjectInfo, Proposal } from 'adclick/api';
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { GreyWindow, ListQuery } from '../api/client.ts';
import type { Size } from '../geometry.ts';
import { BRUSH_SIZE } from '../raster/brush.ts';
import type { MaskBitmap } from '../raster/mask-bitmap.ts';
import { WAND_TOLERANCE } from '../raster/regions.ts';
import type { LossPoint } from './losses.ts';
import type { Merge } from './merge.ts';
import type { Facts } from './optimism.ts';
import type { Saving } from './outbox.ts';
import type { Settings } from './storage.ts';
import type { View } from './view.ts';

export type ToolName = 'click' | 'minus' | 'brush' | 'eraser' | 'polygon' | 'box' | 'wand' | 'region' | 'pan';

/** A gesture that is not finished. */
export type Draft =
  | { readonly kind: 'stroke'; readonly type: number; readonly erase: boolean; readonly points: readonly ImagePoint[] }
  | { readonly kind: 'polygon'; readonly points: readonly ImagePoint[] }
  | { readonly kind: 'box'; readonly from: ImagePoint; readonly to: ImagePoint }
  | { readonly kind: 'dragClick'; readonly index: number; readonly to: ImagePoint };

/** The image on the canvas. */
export interface OpenImage extends Size {
  readonly id: number;
  readonly path: string;
  readonly category: string;
  readonly reason: string;
  readonly nearest: readonly string[];
  /** Samples of more than 8 bits and which of them are black and white; null for 8 bits, and until a model has looked. */
  readonly seen: ImageDetail['seen'];
  /** What is to be known of the picture. */
  readonly notes: readonly string[];
  /** As it is shown, through the window of grey values. */
  readonly picture: ImageBitmap;
  /** As the server gives it unasked. */
  readonly original: ImageBitmap;
  /** Changed in place; `maskChanges` counts how often. */
  readonly mask: MaskBitmap;
  readonly maskChanges: number;
  /** As the server last said. */
  readonly server: ImageDetail;
  /** The same with actions on top that are on their way. */
  readonly facts: Facts;
  readonly proposal: Proposal | null;
  /** The person does not want to see it. */
  readonly proposalHidden: boolean;
  /** What might belong to the region in work too, of some version; null where nothing is known of it, and once something is done. */
  readonly candidates: Candidates | null;
  /** A prediction is on its way. */
  readonly predicting: boolean;
}

/** A short message at the bottom. */
export interface Notice {
  readonly key: number;
  readonly tone: 'info' | 'error';
  readonly text: string;
  /** What to do next. */
  readonly next?: string;
}

/** What the picture is viewed through. */
export interface Looks {
  readonly opacity: number;
  readonly showMask: boolean;
  readonly window: GreyWindow | null;
  readonly heat: boolean;
  readonly nearest: boolean;
}

export type DialogName =
  | 'shortcuts'
  | 'noDefect'
  | 'types'
  | 'prompts'
  | 'train'
  | 'compare'
  | 'jobs'
  | 'login'
  | 'refused';

export interface AppState {
  readonly project: ProjectInfo | null;
  readonly types: readonly DefectType[];
  readonly activeType: number | null;
  readonly filter: Readonly<Pick<ListQuery, 'category' | 'state' | 'review' | 'type' | 'search'>>;
  readonly order: Settings['order'];
  readonly theme: Settings['theme'];
  readonly total: number | null;
  /** Lines of the queue that are loaded, by place. */
  readonly lines: ReadonlyMap<number, ImageSummary>;
  readonly position: number | null;
  readonly image: OpenImage | null;
  /** Id of an image that is being loaded. */
  readonly opening: number | null;
  readonly tool: ToolName;
  readonly brushSize: number;
  readonly tolerance: number;
  readonly looks: Looks;
  readonly view: View;
  readonly screen: Size;
  readonly draft: Draft | null;
  /** Where the pointer is, in picture pixels; null when it is elsewhere. */
  readonly pointer: ImagePoint | null;
  /** Pixel of the keyboard's cross, null until an arrow key is pressed. */
  readonly cross: ImagePoint | null;
  readonly saving: Saving;
  readonly online: boolean;
  /** What the server said when it last answered that it cannot; null while it does not answer at all, and when all is well. */
  readonly trouble: string | null;
  /** Why somebody has to log in, in the server's words. */
  readonly loginReason: string | null;
  readonly merge: Merge | null;
  readonly notice: Notice | null;
  readonly dialog: DialogName | null;
  readonly jobs: readonly Job[];
  /** How the loss of the last training went, as far as this page has seen it. */
  readonly losses: { readonly job: string; readonly points: readonly LossPoint[] };
  readonly panel: 'label' | 'statistics' | 'history';
  /** Panels that a narrow screen shows. */
  readonly drawers: { readonly queue: boolean; readonly panel: boolean };
}

export type Store = StoreApi<AppState>;

export function makeStore(settings: Settings): Store {
  return createStore<AppState>(() => ({
    project: null,
    types: [],
    activeType: null,
    filter: {},
    order: settings.order,
    theme: settings.theme,
    total: null,
    lines: new Map(),
    position: null,
    image: null,
    opening: null,
    tool: 'click',
    brushSize: settings.brushSize || BRUSH_SIZE.start,
    tolerance: WAND_TOLERANCE.start,
    looks: { opacity: settings.opacity, showMask: true, window: null, heat: false, nearest: false },
    view: { scale: 1, x: 0, y: 0 },
    screen: { width: 0, height: 0 },
    draft: null,
    pointer: null,
    cross: null,
    saving: { state: 'saved', waiting: 0, kept: true },
    online: true,
    trouble: null,
    loginReason: null,
    merge: null,
    notice: null,
    dialog: null,
    jobs: [],
    losses: { job: '', points: [] },
    panel: 'label',
    drawers: { queue: true, panel: true },
  }));
}

/** Whether a proposal lies on the canvas that can be accepted. */
export function proposalShown({ image, looks }: Pick<AppState, 'image' | 'looks'>): boolean {
  if (!image || image.proposalHidden || !image.proposal?.rle || !looks.showMask) return false;
  return image.facts.state === 'todo' && !hasMask(image) && image.facts.clicks.length === 0;
}

/** The candidates that lie on the canvas and can be taken, if any. */
export function candidatesShown({ image, looks }: Pick<AppState, 'image' | 'looks'>): Candidates | null {
  if (!image?.candidates || !looks.showMask) return null;
  const { version, points } = image.candidates;
  return version === image.server.version && points.length > 0 ? image.candidates : null;
}

export const hasMask = ({ mask }: OpenImage): boolean => mask.types().length > 0;

/** Whether a job ends with another detector in use. */
export const changesDetector = ({ kind }: Job): boolean => kind === 'train' || kind === 'adapt';

/** Defect types that can be given, in the order of the number keys. */
export const palette = ({ types }: Pick<AppState, 'types'>): DefectType[] => types.filter(({ archived }) => !archived);
