/** `adclick evaluate`: how good masks from simulated clicks, a detector, and maps of any other method are, on a category with known masks. */
import type { ImageScore } from '@adclick/core';
import type { ClickAnswer, DetectionFigures } from '@adclick/core/evaluation';
import type { BackboneName } from '@adclick/core/models';
import type { Command } from 'commander';
import { counted } from '../api.ts';
import { fail } from '../errors.ts';
import { evaluateCategory } from '../workbench/click-evaluation.ts';
import { evaluateDetector } from '../workbench/detector-evaluation.ts';
import { evaluateMaps } from '../workbench/map-evaluation.ts';
import { decisionLines } from './decision-lines.ts';
import { BACKBONE_HELP, backboneOption, fileEnding, gridSide, imageScore, number, wholeNumber } from './options.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly data: string;
  readonly category: string;
  readonly clicks: number;
  readonly nocClicks?: number;
  readonly weights?: string;
  readonly pixels?: number | 'auto';
  readonly smallest?: number;
  readonly backbone?: BackboneName;
  readonly prompt: string;
  readonly rival?: string;
  readonly zoom: boolean;
  readonly flip: boolean;
  readonly report?: string;
  readonly limit?: number;
}

interface DetectionOptions extends CommonOptions {
  readonly data: string;
  readonly category: string;
  readonly weights?: string;
  readonly rival?: string;
  readonly place?: number;
  readonly labels: number;
  readonly labelClicks: number;
  readonly sliding?: boolean;
  readonly leaveOut?: number;
  readonly seed: number;
  readonly pixels?: number | 'auto';
  readonly normals?: number;
  readonly sigma?: number;
  readonly imageScore?: ImageScore;
  readonly report?: string;
  readonly maps?: string;
  readonly limit?: number;
}

interface MapOptions extends CommonOptions {
  readonly data: string;
  readonly category: string;
  readonly maps: string;
  readonly leaveOut?: number;
  readonly seed: number;
  readonly report?: string;
  readonly limit?: number;
}

/** What a table calls the maps of a detection. */
const LINE = { network: 'network', residual: 'detector', rival: 'rival' } as const;

const percent = (value: number) => (100 * value).toFixed(1).padStart(5);
const DATA = 'folder of the dataset, the one around its categories, laid out as published (see docs/formats.md)';

/** A table of maps and their figures. */
function mapTable(rows: readonly (readonly [name: string, figures: DetectionFigures])[]): string[] {
  const width = Math.max(14, ...rows.map(([name]) => name.length));
  return [
    `${'map'.padEnd(width)}     AP    PRO  pixel  image AUROC (%)`,
    ...rows.map(
      ([name, { ap, pro, pauroc, iauroc }]) =>
        `${name.padEnd(width)}  ${percent(ap)}  ${percent(pro)}  ${percent(pauroc)}  ${percent(iauroc)}`,
    ),
  ];
}

export function addEvaluate(program: Command): void {
  const evaluate = program
    .command('evaluate')
    .description('figures on pictures with known masks')
    .addHelpText('after', '\nExample:\n  $ adclick evaluate clicks --data mvtec --category bottle');
  addClicks(evaluate);
  addDetection(evaluate);
  addMaps(evaluate);
}

function addClicks(evaluate: Command): void {
  const command = evaluate
    .command('clicks')
    .description('masks from simulated clicks: AP, PRO, pixel AUROC, IoU, number of clicks, time')
    .requiredOption('--data <DIR>', DATA)
    .requiredOption('--category <NAME>', 'category, a folder in it; . where the dataset is one')
    .option('--clicks <N>', 'clicks a picture', wholeNumber(1, 100), 5)
    .option('--noc-clicks <N>', 'go on to N clicks for the number of clicks (20 is usual)', wholeNumber(1, 100))
    .option('--weights <FILE|NAME>', 'click weights (default: the shipped ones)')
    .option(
      '--pixels <N>',
      'side of the square with as many pixels as the models see, or auto, by the pictures',
      gridSide,
    )
    .option(
      '--smallest <PX>',
      'narrow side of the least defect that matters, in pixels of the pictures',
      number(0, 1000),
    )
    .option('--backbone <NAME>', BACKBONE_HELP, backboneOption)
    .option('--prompt <NAME>', "guide by prompts of this defect type, of each picture's own (type), or of none", 'type')
    .option(
      '--rival <NAME>',
      'another method in place of weights: simple-click-vit-b (imported), or sam:ENCODER.onnx,DECODER.onnx',
    )
    .option('--no-zoom', 'with --rival simple-click-vit-b: always look at the whole picture')
    .option('--no-flip', 'with --rival simple-click-vit-b: do not look in the mirror as well')
    .option('--report <FILE>', 'also write an HTML report', fileEnding('.html'))
    .option('--limit <N>', 'only N defects, spread evenly', wholeNumber(1));
  withCommon(command, 'adclick evaluate clicks --data mvtec --category bottle --report bottle.html');
  command.action(async (options: Options) =>
    run(options, async (context) => {
      checkRival(options);
      const answer = await evaluateCategory(options, context);
      const byCount = (clicks: ClickAnswer['clicks'] = {}) =>
        `after ${Object.entries(clicks)
          .map(([k, { miou }]) => `${k}: ${percent(miou).trim()}`)
          .join(', ')}`;
      const rows = Object.entries(answer.clicks).map(
        ([k, { ap, pro, pauroc, miou }]) =>
          `${k.padStart(6)}  ${percent(ap)}  ${percent(pro)}  ${percent(pauroc)}  ${percent(miou)}`,
      );
      return {
        json: answer,
        lines: [
          `${answer.category}: ${counted(answer.images, 'defect')}, weights ${answer.weights}, trained on ${answer.trainedOn}`,
          'clicks     AP    PRO  AUROC   mIoU   (%)',
          ...rows,
          ...(answer.paperClicks
            ? [`without the rules of a click, as papers measure, mIoU ${byCount(answer.paperClicks)}`]
            : []),
          `clicks anywhere in an error, not in its middle, mIoU ${byCount(answer.offCentreClicks)}`,
          `${percent(answer.worse.share).trim()} % of the clicks after the first lowered the IoU by more than a point; ${counted(answer.obeyed.violations, 'click')} of ${answer.obeyed.clicks} not obeyed`,
          `clicks to IoU 80/85/90 %: ${Object.values(answer.noc)
            .map((value) => value.toFixed(2))
            .join(' / ')} (at most ${answer.nocCap})`,
          `a click: ${answer.msPerClick.p50.toFixed(0)} ms, 95 % within ${answer.msPerClick.p95.toFixed(0)} ms`,
          ...answer.notes,
          ...(options.report ? [`report: ${options.report}`] : []),
        ],
      };
    }),
  );
}

/** What says nothing of a rival, or nothing without one. @throws ADC_USAGE. */
function checkRival({ rival, weights, pixels, smallest, backbone, prompt, zoom, flip }: Options): void {
  const wrong = (what: string) => fail('ADC_USAGE', { what, command: 'adclick evaluate clicks' });
  if (rival === undefined && !(zoom && flip)) throw wrong('--no-zoom and --no-flip say nothing without --rival');
  const ours = [weights, pixels, smallest, backbone].some((value) => value !== undefined) || prompt !== 'type';
  if (rival !== undefined && ours)
    throw wrong('--weights, --pixels, --smallest, --backbone and --prompt say nothing with --rival');
}

/** Options of detectors that say nothing of a rival, whose backbone stands behind its name. */
const OF_DETECTORS = ['weights', 'labels', 'labelClicks', 'sliding', 'backbone', 'imageScore'] as const;

function addDetection(evaluate: Command): void {
  const command = evaluate
    .command('detection')
    .description('a detector on pictures with and without defects: AP, PRO, pixel and image AUROC, time')
    .requiredOption('--data <DIR>', DATA)
    .requiredOption('--category <NAME>', 'category, a folder in it; . where the dataset is one')
    .option('--weights <FILE>', 'a detector file (.onnx)', fileEnding('.onnx'))
    .option('--rival <NAME>', 'another method in place of a detector: patchcore, or patchcore:BACKBONE')
    .option(
      '--place <WEIGHT>',
      'with --rival: add a code of places to its descriptors, as SemiREST does',
      number(0, 10),
    )
    .option(
      '--labels <N>',
      'without --weights: label N defects by simulated clicks, train on them, test on the rest; 0 for the residual alone',
      wholeNumber(0),
      10,
    )
    .option('--label-clicks <N>', 'simulated clicks on each of them', wholeNumber(1, 100), 5)
    .option('--sliding', 'the trained network looks at overlapping windows of each picture: slower')
    .option(
      '--leave-out <N>',
      'defects that leave the test set with --weights, --rival or --labels 0 (default: 10)',
      wholeNumber(0),
    )
    .option('--seed <N>', 'seed of picks and training', wholeNumber(0, 2 ** 32 - 1), 0)
    .option('--pixels <N>', 'side of the square with as many pixels as the models see', gridSide)
    .option('--backbone <NAME>', BACKBONE_HELP, backboneOption)
    .option('--normals <N>', 'good pictures that a detector holds', wholeNumber(2))
    .option('--sigma <PX>', 'Gaussian that smooths the map, pixels of the model grid', number(0, 64))
    .option('--image-score <RULE>', 'max, topk:PIXELS or pool:SIDE of the map before smoothing', imageScore)
    .option('--report <FILE>', 'also write an HTML report', fileEnding('.html'))
    .option('--maps <FOLDER>', 'also write the maps there, for `adclick evaluate maps` and other tools')
    .option('--limit <N>', 'only N pictures of each kind, spread evenly', wholeNumber(1));
  withCommon(command, 'adclick evaluate detection --data mvtec --category bottle --report bottle.html');
  command.action(async (options: DetectionOptions) =>
    run(options, async (context) => {
      if (options.place !== undefined && options.rival === undefined)
        throw fail('ADC_USAGE', {
          what: '--place says nothing without --rival',
          command: 'adclick evaluate detection',
        });
      const ours = OF_DETECTORS.filter((name) => command.getOptionValueSource(name) === 'cli');
      if (options.rival !== undefined && ours.length > 0) {
        const flags = command.options.filter((each) => ours.some((name) => name === each.attributeName()));
        const what = `${flags.map(({ long }) => long).join(', ')} ${flags.length > 1 ? 'say' : 'says'} nothing with --rival`;
        throw fail('ADC_USAGE', { what, command: 'adclick evaluate detection' });
      }
      const answer = await evaluateDetector(options, context);
      const { decisions, unsupervised, msPerImage } = answer;
      return {
        json: answer,
        lines: [
          `${answer.category}: ${counted(answer.images, 'picture')}, ${answer.defects} with defects, detector ${answer.detector}`,
          ...mapTable([
            [LINE[answer.from], answer],
            ['residual alone', unsupervised],
          ]),
          ...(decisions ? decisionLines(decisions) : []),
          `a picture: ${msPerImage.p50.toFixed(0)} ms, 95 % within ${msPerImage.p95.toFixed(0)} ms`,
          ...answer.notes,
          ...(options.report ? [`report: ${options.report}`] : []),
        ],
      };
    }),
  );
}

function addMaps(evaluate: Command): void {
  const command = evaluate
    .command('maps')
    .description(
      "any method's anomaly maps: AP, PRO, pixel and image AUROC, on the pictures that detectors are tested on",
    )
    .requiredOption('--data <DIR>', DATA)
    .requiredOption('--category <NAME>', 'category, a folder in it; . where the dataset is one')
    .requiredOption(
      '--maps <FOLDER>',
      'maps as FOLDER/NAME/test/<type>/<name>.tiff (.tif, .npy, .png; NAME and test may be left off)',
    )
    .option(
      '--leave-out <N>',
      'defects that leave the test set, as those that detectors are trained on do; 0 for all (default: 10)',
      wholeNumber(0),
    )
    .option('--seed <N>', 'seed of picks', wholeNumber(0, 2 ** 32 - 1), 0)
    .option('--report <FILE>', 'also write an HTML report', fileEnding('.html'))
    .option('--limit <N>', 'only N pictures of each kind, spread evenly', wholeNumber(1));
  withCommon(command, 'adclick evaluate maps --data mvtec --category bottle --maps results/draem');
  command.action(async (options: MapOptions) =>
    run(options, async (context) => {
      const answer = await evaluateMaps(options, context);
      return {
        json: answer,
        lines: [
          `${answer.category}: ${counted(answer.images, 'picture')}, ${answer.defects} with defects, maps of ${answer.maps.folder}`,
          ...mapTable([['all', answer], ...answer.byType.map((figures) => [figures.type, figures] as const)]),
          ...(answer.decisions ? decisionLines(answer.decisions) : []),
          ...answer.notes,
          ...(options.report ? [`report: ${options.report}`] : []),
        ],
      };
    }),
  );
}
