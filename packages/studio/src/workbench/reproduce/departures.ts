/** Every way in which a table is not made as the paper makes its own: data, pictures, networks, training, and what is measured. */
import { DEFAULT_WEIGHTS } from '@adclick/core';
import { type Departure, MVTEC_COUNTS, mvtecName } from '@adclick/core/evaluation';
import { DEFAULT_BACKBONE, PUBLISHED_WIDTH } from '@adclick/core/models';
import { counted } from '../../api.ts';
import { PAPER_WIDTH } from '../../detectors/training-options.ts';
import type { Cell } from './cells.ts';
import type { DetectionAnswer } from './detection.ts';
import type { ClicksAnswer, Compared } from './labels.ts';
import type { Plan } from './plan.ts';
import { BACKBONE_TITLES, PAPER_BACKBONE, rowsOf } from './rows.ts';
import { type ChosenSubject, type Subject, standing } from './subjects.ts';

/** What the cells of figures of a plan answer, those that were made. */
export interface Answers {
  readonly clicks: ReadonlyMap<string, ClicksAnswer>;
  readonly detection: ReadonlyMap<string, DetectionAnswer>;
}

const countsOf = ({ dataset: { normals, testGood, defects } }: Subject) => ({
  normals: normals.length,
  testGood: testGood.length,
  defects: defects.length,
});

const countsText = ({ normals, testGood, defects }: ReturnType<typeof countsOf>) =>
  `${normals} good to train on, ${testGood} good and ${defects} defective to test on`;

/** How a category differs from the one of MVTec AD; undefined for one that is whole and as large. */
function difference(subject: ChosenSubject): string | undefined {
  const { category, size } = subject;
  const name = mvtecName(category);
  const own = countsOf(subject);
  const pixels = `${size.width}×${size.height} pixels`;
  if (name === undefined) return `${category} is not of MVTec AD (${countsText(own)}; ${pixels})`;
  const { side, ...counts } = MVTEC_COUNTS[name];
  const found: string[] = [];
  if (countsText(own) !== countsText(counts)) found.push(`has ${countsText(own)}, published are ${countsText(counts)}`);
  if (size.width !== side || size.height !== side) found.push(`has pictures of ${pixels}, not ${side}×${side}`);
  return found.length > 0 ? `${category} ${found.join('; it ')}` : undefined;
}

function ofData({ settings, subjects: { chosen, leftOut } }: Plan): Departure[] {
  const { limit } = settings;
  const found: Departure[] = [];
  const mvtec = chosen.filter((subject) => standing(subject) === 'mvtec').length;
  const total = Object.keys(MVTEC_COUNTS).length;
  if (settings.table !== 'table6' && mvtec < total)
    found.push({ what: 'categories', how: `${mvtec} of the ${total} of MVTec AD, ${chosen.length} in all.` });
  const others = chosen.filter(({ isKsdd }) => !isKsdd).flatMap((subject) => difference(subject) ?? []);
  if (others.length > 0) found.push({ what: 'pictures', how: `${others.join('. ')}.` });
  for (const subject of chosen.filter(({ isKsdd, dataset }) => isKsdd && dataset.layout !== 'ksdd2'))
    found.push({
      what: 'data set',
      how: `${subject.category} stands in for KolektorSDD2 (${countsText(countsOf(subject))}).`,
    });
  for (const { category, dataset } of chosen)
    if (dataset.notes.length > 0) found.push({ what: 'data set', how: `${category}: ${dataset.notes.join(' ')}` });
  if (leftOut.length > 0)
    found.push({ what: 'left out', how: `${leftOut.map(({ category, why }) => `${category} (${why})`).join(', ')}.` });
  if (limit !== undefined)
    found.push({ what: 'test pictures', how: `at most ${limit} of each kind a category, spread evenly.` });
  return found;
}

const share = (of: number) => `${(100 * of).toFixed(0)} %`;

const trainings = (cells: Plan['cells'], kind: 'pretrain' | 'tune') =>
  [...cells.values()].filter((cell): cell is Extract<Cell, { kind: 'pretrain' | 'tune' }> => cell.kind === kind);
const detectors = ({ cells }: Plan) =>
  [...cells.values()].flatMap((cell) => (cell.kind === 'detector' && cell.network ? [cell.network] : []));

function ofNetworks(plan: Plan): Departure[] {
  const { settings, recipe, trainedOn, cells } = plan;
  const found: Departure[] = [];
  const { preset, width = PAPER_WIDTH, backbone = DEFAULT_BACKBONE } = settings;
  found.push({ what: 'network', how: recipe.network(backbone) });
  if (preset === 'paper' && width !== PUBLISHED_WIDTH)
    found.push({ what: 'width', how: `${width} channels; the paper has ${PUBLISHED_WIDTH}.` });
  if (preset === 'paper' && backbone !== PAPER_BACKBONE) {
    const how = `${backbone}; the paper has ${BACKBONE_TITLES[PAPER_BACKBONE]}, \`--backbone ${PAPER_BACKBONE}\`.`;
    found.push({ what: 'backbone', how });
  }
  if (trainedOn !== undefined)
    found.push({
      what: 'pretraining',
      how: `the weights that ship (${DEFAULT_WEIGHTS}), trained on ${trainedOn}; the paper pretrains on all other categories with their defects. \`--pretrain\` does.`,
    });
  const [pretrained] = trainings(cells, 'pretrain');
  if (pretrained) {
    const { folderShare } = pretrained.training;
    found.push({
      what: 'pretraining',
      how: `${counted(pretrained.training.steps, 'step')} without the category on all others of the folder, their test defects included, as the paper does${folderShare < 1 ? `; ${share(1 - folderShare)} of it on drawn products` : ''}.`,
    });
  }
  const [tuned] = trainings(cells, 'tune');
  if (tuned) {
    const { folderShare } = tuned.training;
    found.push({
      what: 'fine-tuning',
      how: `${counted(tuned.training.steps, 'step')} on simulated defects on good pictures${folderShare < 1 ? `, ${share(1 - folderShare)} of it on drawn products so that the network forgets less` : ''}; taken whether it is better or not.`,
    });
  }
  if (settings.table === 'table7' && recipe.language)
    found.push({
      what: 'language',
      how: 'rows without it ask the same weights without a prompt; none were trained apart.',
    });
  if (detectors(plan).length > 0) found.push(...ofDetectors(plan));
  if (settings.steps !== 1)
    found.push({ what: 'steps', how: `every training has ${settings.steps} times its usual steps: a quick look.` });
  return found;
}

function ofDetectors(plan: Plan): Departure[] {
  const { recipe } = plan;
  const [network] = detectors(plan);
  const found: Departure[] = [
    {
      what: 'detectors',
      how: `${counted(network.steps, 'step')}${recipe.trust < 1 ? `; the map is the residual's, corrected by ${recipe.trust} times what the network says` : ''}; the last average of the weights.`,
    },
  ];
  if (detectors(plan).some(({ labels }) => labels && 'cell' in labels))
    found.push({
      what: 'labels',
      how: 'of the pretrained click weights, not fine-tuned ones, under the rules of a click.',
    });
  if (detectors(plan).some(({ pretrained }) => pretrained))
    found.push({
      what: 'pretraining of detectors',
      how: 'they begin with the click weights, not with a detector of other categories.',
    });
  const { of, rows } = rowsOf(plan.settings.table);
  if (!recipe.handsOn && of === 'detection' && rows.some(({ parts }) => parts?.pretrained))
    found.push({ what: 'pretraining of detectors', how: 'none: they begin with random weights.' });
  if (!recipe.clicked && of === 'detection' && rows.some(({ parts }) => parts?.clicked))
    found.push({ what: 'clicks in training', how: 'detectors are trained without simulated clicks.' });
  if (plan.settings.preset === 'small')
    found.push({
      what: 'settings',
      how: 'steps, copies and trust of our own training were settled on test pictures of mvtec_bottle, docs/method.md and docs/results.md say how; none was chosen for this table.',
    });
  return found;
}

/** What the published code compares with (Eq. 3): K by the names of its folders, delta by its default, of the longer side. */
const PUBLISHED_MATCH = { neighbours: 50, reach: 0.15 } as const;

/** What holds for all categories, else what holds for each. */
function ofEach(texts: ReadonlyMap<string, string>): string {
  const [first, ...others] = new Set(texts.values());
  return others.length === 0 ? (first ?? '') : [...texts].map(([category, text]) => `${category}: ${text}`).join('; ');
}

/** How pictures are compared with good ones, as what was made says it. */
function ofComparison({ rows }: Plan, { clicks, detection }: Answers): Departure[] {
  const [matches, held] = [new Map<string, string>(), new Map<string, string>()];
  let left = false;
  for (const { category, figures } of rows) {
    const cell = 'cell' in figures ? figures.cell : '';
    const compared: Compared | undefined = (clicks.get(cell) ?? detection.get(cell))?.compared;
    if (!compared) continue;
    const { pictures, of, neighbours, radius } = compared;
    matches.set(category, `K = ${Math.min(neighbours, pictures)} good pictures, δ = ${counted(radius, 'token')}`);
    held.set(category, `${pictures} of ${of} good pictures`);
    left ||= pictures < of;
  }
  if (matches.size === 0) return [];
  const published = `the published code has K = ${PUBLISHED_MATCH.neighbours} and δ = ${PUBLISHED_MATCH.reach} of the longer side`;
  const inDetectors = left ? ` Detectors hold ${ofEach(held)}.` : '';
  return [{ what: 'comparison', how: `${ofEach(matches)}; ${published}.${inDetectors}` }];
}

function ofMeasuring(plan: Plan, { clicks, detection }: Answers): Departure[] {
  const grids = new Map<string, string>();
  for (const row of plan.rows) {
    const cell = 'cell' in row.figures ? row.figures.cell : '';
    const grid = (clicks.get(cell) ?? detection.get(cell))?.grid;
    if (grid) grids.set(row.category, grid.join('×'));
  }
  const sizes = [...new Set(grids.values())];
  const seen =
    sizes.length === 1 ? `${sizes[0]} pixels` : [...grids].map(([name, size]) => `${name} ${size}`).join(', ');
  const found: Departure[] = [
    {
      what: 'resolution',
      how: `figures at each picture's own size, masks as they are; the paper resizes both to 512×512.${seen && ` The networks see ${seen}.`}`,
    },
    {
      what: 'checkpoint',
      how: 'the last one. The published figures are those of the checkpoint that was best on the test pictures, by the scripts that came with them.',
    },
    {
      what: 'PRO',
      how: 'as MVTec computes it, 8-connected, up to a false positive rate of 0.3; the published ones interpolate curves by index.',
    },
  ];
  if (clicks.size > 0)
    found.push({ what: 'smoothing', how: 'none after clicks; whether the paper smooths these maps is not known.' });
  if (detection.size > 0) {
    found.push({ what: 'smoothing', how: "a Gaussian of 2 pixels of the networks' grid; the published code has 4." });
    const shuffled = plan.rows.filter(
      ({ figures }) => 'cell' in figures && detection.get(figures.cell)?.picks === 'shuffled',
    );
    const names = [...new Set(shuffled.map(({ category }) => category))];
    if (names.length > 0)
      found.push({
        what: 'picks',
        how: `the ten labelled defects of ${names.join(', ')} are NumPy's shuffle of seed 0 of ours; the published list has none of theirs.`,
      });
  }
  return found;
}

export const departuresOf = (plan: Plan, answers: Answers): Departure[] => [
  ...ofData(plan),
  ...ofNetworks(plan),
  ...ofComparison(plan, answers),
  ...ofMeasuring(plan, answers),
];
