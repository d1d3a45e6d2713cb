/** From a table and its settings to the cells that it needs and the rows that are read from them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_WEIGHTS } from '@adclick/core';
import { CLICK_COUNTS, type TableName } from '@adclick/core/evaluation';
import { isFolder } from '@adclick/core/files';
import { type BackboneName, PAPER } from '@adclick/core/models';
import { PAPER_WIDTH } from '../../detectors/training-options.ts';
import { fail } from '../../errors.ts';
import type { WorkOptions } from '../../jobs/progress.ts';
import { resolveWeights } from '../../project/model-files.ts';
import { LEFT_OUT } from '../test-pictures.ts';
import {
  type Cell,
  type ClicksBy,
  type ClickTrainingSettings,
  type Network,
  nameOf,
  type Pictures,
  type Seen,
  type SegPlan,
  type WeightsFrom,
} from './cells.ts';
import { openRival, type Rival } from './rivals.ts';
import { type ClickRow, RECIPES, type Recipe, type RecipeName, rowsOf, type SegRow } from './rows.ts';
import {
  contentOf,
  findSubjects,
  isRepeated,
  picturesOf,
  type Subject,
  type Subjects,
  sameProduct,
} from './subjects.ts';
import { type FileWeights, weightsOf } from './weights.ts';

/** What is to be made again, and how. */
export interface ReproduceSettings {
  readonly table: TableName;
  /** Folder of the categories. */
  readonly data: string;
  /** Default: all that the table takes. */
  readonly category?: readonly string[];
  readonly preset: RecipeName;
  /** Channels of the networks of preset paper, default {@link PAPER_WIDTH}; published: 1024. */
  readonly width?: number;
  /** Whose descriptors are compared; default the default one's. */
  readonly backbone?: BackboneName;
  /** Trains without each category on all others, in place of the weights that ship. */
  readonly pretrain?: boolean;
  /** Factor on the steps of every training. */
  readonly steps: number;
  /** Side of the square with as many pixels as the models see. */
  readonly pixels: number;
  /** Only so many test pictures of each kind a category, spread evenly. */
  readonly limit?: number;
  /** Rows to measure, by their names; default all. */
  readonly row?: readonly string[];
  /** Other methods that draw masks from clicks, as `openRival` takes them. */
  readonly rival?: readonly string[];
  /** `METHOD=FOLDER` of other methods' anomaly maps. */
  readonly maps?: readonly string[];
}

/** A row of a category: where its figures are, or why there are none. */
export interface PlannedRow {
  readonly id: string | undefined;
  /** Tells rows apart whose methods are called the same: the row's name, or what asked for it. */
  readonly key: string;
  readonly method: string;
  readonly category: string;
  readonly figures:
    | { readonly cell: string; readonly as: 'plain' | 'ruled' }
    | { readonly cell: string; readonly as: 'detection' }
    | { readonly missing: string };
}

/** Everything that a run knows before it begins. */
export interface Plan {
  readonly settings: ReproduceSettings;
  readonly recipe: Recipe;
  readonly subjects: Subjects;
  /** By name; what a cell needs stands before it. */
  readonly cells: ReadonlyMap<string, Cell>;
  readonly rows: readonly PlannedRow[];
  readonly files: Readonly<Record<string, string>>;
  /** What the weights that ship were trained on, where everything starts from them. */
  readonly trainedOn: string | undefined;
}

const SEED = 0;
const LABELS = LEFT_OUT;
const CLICKS = Math.max(...CLICK_COUNTS);

/** Collects cells on the way from rows to what they need. */
class Planner {
  readonly cells = new Map<string, Cell>();
  readonly files: Record<string, string> = {};
  private readonly pictures = new Map<string, Promise<Pictures>>();

  constructor(
    readonly settings: ReproduceSettings,
    readonly recipe: Recipe,
    readonly subjects: Subjects,
    private readonly shipped: FileWeights | undefined,
    private readonly work: WorkOptions,
  ) {}

  add(cell: Cell): string {
    const name = nameOf(cell);
    if (!this.cells.has(name)) this.cells.set(name, cell);
    return name;
  }

  picturesOf(subject: Subject): Promise<Pictures> {
    const { category } = subject;
    const known = this.pictures.get(category) ?? picturesOf(this.settings.data, subject, this.work);
    this.pictures.set(category, known);
    return known;
  }

  get network(): Network {
    const { preset, width = PAPER_WIDTH } = this.settings;
    return preset === 'paper' ? { preset, width } : { preset };
  }

  get seen(): Seen {
    const { pixels, backbone } = this.settings;
    return { pixels, backbone };
  }

  private training(recipe: ClickTrainingSettings): ClickTrainingSettings {
    return { ...recipe, backbone: this.settings.backbone, steps: this.steps(recipe.steps) };
  }

  /** Steps of a training, as many as are asked for. */
  steps(usual: number): number {
    return Math.max(1, Math.round(usual * this.settings.steps));
  }

  /** Weights that have not seen a category. */
  async pretrained(subject: Subject): Promise<WeightsFrom> {
    const { settings, recipe, shipped } = this;
    if (shipped) {
      shipped.check(settings.backbone);
      return shipped.weights;
    }
    const { all } = this.subjects;
    const others = all.filter(
      (other) => !other.isKsdd && !isRepeated(other, all) && !sameProduct(other.category, subject.category),
    );
    if (others.length === 0)
      throw fail('ADC_USAGE', {
        what: `there is no category beside ${subject.category} in ${settings.data} to pretrain on`,
        command: 'adclick reproduce',
      });
    const on = await Promise.all(others.map((other) => this.picturesOf(other)));
    const training = this.training(recipe.pretraining);
    const cell = this.add({ kind: 'pretrain', category: subject.category, on, network: this.network, training });
    return { cell, name: `trained without ${subject.category}` };
  }

  async tuned(subject: Subject): Promise<WeightsFrom> {
    const { category } = subject;
    const training = this.training(this.recipe.tuning);
    const [on, from] = [await this.picturesOf(subject), await this.pretrained(subject)];
    const cell = this.add({ kind: 'tune', category, on, from, network: this.network, training });
    return { cell, name: `tuned to ${category}` };
  }

  async clicks(subject: Subject, by: ClicksBy): Promise<string> {
    const on = await this.picturesOf(subject);
    return this.add({ kind: 'clicks', category: subject.category, on, by, clicks: CLICKS, limit: this.settings.limit });
  }

  async clickRow(row: ClickRow, subject: Subject): Promise<PlannedRow> {
    const { id, method, tuned, ruled, exact } = row;
    const planned = { id, key: id, method, category: subject.category };
    const language = row.language && this.recipe.language;
    if (exact && row.language && !language)
      return { ...planned, figures: { missing: 'language has no part in this preset' } };
    const weights = await (tuned ? this.tuned(subject) : this.pretrained(subject));
    const cell = await this.clicks(subject, { weights, language, ...this.seen });
    return { ...planned, figures: { cell, as: ruled ? 'ruled' : 'plain' } };
  }

  /** What a detector is trained on beside good pictures. */
  private async labels(labels: SegRow['labels'], subject: Subject): Promise<SegPlan['labels']> {
    if (labels === 'none') return undefined;
    if (labels === 'masks') return { masks: LABELS };
    const { category } = subject;
    const [on, weights] = [await this.picturesOf(subject), await this.pretrained(subject)];
    return {
      cell: this.add({
        kind: 'labels',
        category,
        on,
        ...this.seen,
        weights,
        count: LABELS,
        clicks: CLICKS,
        seed: SEED,
      }),
    };
  }

  async segRow({ id, method, labels, parts, sliding, exact }: SegRow, subject: Subject): Promise<PlannedRow> {
    const { category } = subject;
    const { recipe } = this;
    const planned = { id, key: id, method, category };
    if (exact && parts?.clicked && !recipe.clicked)
      return { ...planned, figures: { missing: 'detectors of this preset are trained without clicks' } };
    if (exact && parts?.language && !recipe.language)
      return { ...planned, figures: { missing: 'language has no part in detectors of this preset' } };
    if (exact && parts?.pretrained && !recipe.handsOn)
      return { ...planned, figures: { missing: 'detectors of this preset are not pretrained' } };
    const on = await this.picturesOf(subject);
    const pretrained = parts?.pretrained === true && recipe.handsOn;
    const network: SegPlan | undefined = parts && {
      pretrained,
      abandon: parts.abandon,
      clicked: parts.clicked && recipe.clicked,
      language: parts.language && recipe.language,
      network: this.network,
      weights: pretrained ? await this.pretrained(subject) : undefined,
      labels: await this.labels(labels, subject),
      sliding,
      steps: this.steps(recipe.segSteps),
      trust: recipe.trust,
    };
    const detector = this.add({ kind: 'detector', category, on, ...this.seen, network, seed: SEED });
    const cell = this.add({ kind: 'detection', category, on, detector, ...this.tested() });
    return { ...planned, figures: { cell, as: 'detection' } };
  }

  /** Which pictures detectors and maps of the table are tested on. */
  private tested() {
    const { table, limit } = this.settings;
    const all = table === 'table2' || table === 'table3';
    return { leaveOut: all ? 0 : LABELS, seed: SEED, limit };
  }

  async mapsRow(method: string, folder: string, subject: Subject): Promise<PlannedRow> {
    const { category } = subject;
    if (!(await isFolder(folder))) throw fail('ADC_FOLDER_MISSING', { path: folder });
    const own = join(folder, category);
    const root = (await isFolder(own)) ? own : folder;
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => ({ role: 'map', path: join(parentPath, name) }));
    const content = await contentOf(root, files, this.work.signal);
    this.files[content] = root;
    const on = await this.picturesOf(subject);
    const cell = this.add({ kind: 'maps', category, on, method, content, ...this.tested() });
    return { id: undefined, key: `--maps ${method}`, method, category, figures: { cell, as: 'detection' } };
  }

  async rivalRow(key: string, { method, by, files }: Rival, subject: Subject): Promise<PlannedRow> {
    Object.assign(this.files, files);
    const cell = await this.clicks(subject, by);
    return { id: undefined, key, method, category: subject.category, figures: { cell, as: 'plain' } };
  }
}

/** Methods with the folders of their maps. @throws ADC_USAGE. */
function mapsOf(asked: readonly string[]): Map<string, string> {
  const folders = new Map<string, string>();
  for (const each of asked) {
    const [, method, folder] = /^([^=]+)=(.+)$/.exec(each) ?? [];
    const wrong = method === undefined ? 'is not METHOD=FOLDER' : folders.has(method) && `names ${method} again`;
    if (wrong) throw fail('ADC_USAGE', { what: `--maps ${each} ${wrong}`, command: 'adclick reproduce' });
    folders.set(method, folder);
  }
  return folders;
}

/** The rows that are asked for. @throws ADC_USAGE for one that the table does not have. */
function chosen<Row extends { readonly id: string }>(rows: readonly Row[], { table, row }: ReproduceSettings): Row[] {
  const unknown = row?.find((name) => !rows.some(({ id }) => id === name));
  if (unknown !== undefined) {
    const what = `${table} has no row ${unknown}, only ${rows.map(({ id }) => id).join(', ')}`;
    throw fail('ADC_USAGE', { what, command: 'adclick reproduce' });
  }
  return rows.filter(({ id }) => row === undefined || row.includes(id));
}

/**
 * Looks at the data and plans the cells of a table. Every picture of the categories in question is read for its content.
 * @throws ADC_USAGE, ADC_DATASET, ADC_FOLDER_MISSING, ADC_WEIGHTS_…, the signal's reason.
 */
export async function planTable(settings: ReproduceSettings, work: WorkOptions = {}): Promise<Plan> {
  const { table, data, rival = [], maps = [] } = settings;
  const usage = (what: string) => fail('ADC_USAGE', { what, command: 'adclick reproduce' });
  if (settings.width !== undefined && settings.preset !== PAPER) throw usage(`--width goes with --preset ${PAPER}`);
  const again = rival.find((asked, i) => rival.indexOf(asked) < i);
  if (again !== undefined) throw usage(`--rival ${again} is there twice`);
  const recipe = RECIPES[settings.preset];
  const path = resolveWeights(DEFAULT_WEIGHTS);
  const shipped = recipe.ships && !settings.pretrain ? await weightsOf(path) : undefined;
  const subjects = await findSubjects(table, data, settings.category, shipped?.trainedOn);
  const planner = new Planner(settings, recipe, subjects, shipped, work);
  if (shipped) planner.files[shipped.weights.file] = path;
  const of = rowsOf(table);
  const wrong =
    of.of === 'clicks' ? maps[0] && '--maps is for detectors' : rival[0] && '--rival is for masks from clicks';
  if (wrong) throw usage(`${wrong}, and ${table} has none`);
  const rows: PlannedRow[] = [];
  const each = async (make: (subject: Subject) => Promise<PlannedRow>) => {
    for (const subject of subjects.chosen) rows.push(await make(subject));
  };
  if (of.of === 'clicks') for (const row of chosen(of.rows, settings)) await each((to) => planner.clickRow(row, to));
  else for (const row of chosen(of.rows, settings)) await each((to) => planner.segRow(row, to));
  for (const asked of rival) {
    // Opened once: its files may be large.
    const opened = await openRival(asked, planner.seen);
    await each((to) => planner.rivalRow(`--rival ${asked}`, opened, to));
  }
  for (const [method, folder] of mapsOf(maps)) await each((to) => planner.mapsRow(method, folder, to));
  const { cells, files } = planner;
  return { settings, recipe, subjects, cells, rows, files, trainedOn: shipped?.trainedOn };
}
