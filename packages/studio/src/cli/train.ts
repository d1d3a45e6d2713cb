/** `adclick train`: click weights, from nothing or for one category of a project, and detectors on a project's labels. */
import { TEXT_ENCODERS, type TextEncoderName } from '@adclick/core/language';
import { PAPER, PRESET_NAMES, type Preset } from '@adclick/core/models';
import { type Command, Option } from 'commander';
import { counted } from '../api.ts';
import { trainSegmentation } from '../detectors/training.ts';
import { localUser } from '../local-user.ts';
import { openLabels } from '../open-labels.ts';
import { trainClick } from '../workbench/click-training.ts';
import { decisionLines } from './decision-lines.ts';
import { collect, networkWidth, number, WIDTH_HELP, wholeNumber } from './options.ts';
import { formatDuration } from './progress-bar.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly category?: string;
  readonly preset?: Preset;
  readonly width?: number;
  readonly textEncoder?: TextEncoderName;
  readonly steps?: number;
  readonly learningRate?: number;
  readonly seed: number;
  readonly name?: string;
  readonly folder?: readonly string[];
  readonly goodFolder?: readonly string[];
  readonly from?: string;
  readonly resume?: boolean;
  readonly only?: 'language';
}

interface SegOptions extends CommonOptions {
  readonly preset?: typeof PAPER;
  readonly width?: number;
  readonly category?: string;
  readonly type?: readonly string[];
  readonly unsupervised?: boolean;
  readonly sliding?: boolean;
  readonly steps?: number;
  readonly seed: number;
}

function addSeg(train: Command): void {
  const command = train
    .command('seg')
    .description("a detector: finds defects without clicks, trained on a category's labels")
    .argument('[DIR]', 'folder of the project', '.')
    .option('--category <NAME>', 'category, where the project has several')
    .option('--type <NAME>', 'only labels of this defect type; repeatable', collect)
    .option('--unsupervised', 'without labels, on simulated defects alone')
    .addOption(new Option('--preset <SIZE>', 'the published network in place of ours').choices([PAPER]))
    .option('--width <N>', WIDTH_HELP, networkWidth)
    .option('--sliding', 'look at overlapping windows of each picture: slower, also on the line')
    .option('--steps <N>', 'optimiser steps', wholeNumber(1))
    .option('--seed <N>', 'seed of pictures and training', wholeNumber(0), 0);
  withCommon(command, 'adclick train seg parts/bracket --category bracket');
  command.action(async (directory: string, options: SegOptions) =>
    run(options, async (context) => {
      const answer = await trainSegmentation(
        directory,
        (root) => openLabels(root, localUser(), 'training'),
        options,
        context,
      );
      const { category, detector, from, labels, judged, notes, seconds } = answer;
      const what = from === 'network' ? `a network trained on ${labels} labels` : 'the residual alone';
      return {
        json: answer,
        lines: [
          `${category}: ${what}, in ${formatDuration(seconds)}`,
          ...notes,
          ...(judged ? decisionLines(judged) : []),
          `detector  ${detector}`,
        ],
      };
    }),
  );
}

export function addTrain(program: Command): void {
  const train = program
    .command('train')
    .description('train weights')
    .addHelpText('after', '\nExample:\n  $ adclick train click parts/bracket --category bracket');
  const command = train
    .command('click')
    .description(
      'click weights: for one category with --category, else from nothing on products that are drawn on the fly',
    )
    .argument('[DIR]', 'folder of the project', '.')
    .option('--category <NAME>', "fine-tune on this category's good pictures; kept only if better on held-out defects")
    .addOption(
      new Option(
        '--preset <SIZE>',
        "size of the network made from nothing (default: the project's, else small)",
      ).choices([...PRESET_NAMES]),
    )
    .option('--width <N>', WIDTH_HELP, networkWidth)
    .addOption(
      new Option(
        '--text-encoder <NAME>',
        "encoder of words for weights made from nothing (default: the project's, else minilm-l6)",
      ).choices(Object.keys(TEXT_ENCODERS)),
    )
    .option('--steps <N>', 'optimiser steps', wholeNumber(1))
    .option(
      '--learning-rate <X>',
      'highest learning rate, lower to refine good weights (default: 1e-3, of paper 3e-5)',
      number(0, 1),
    )
    .option('--seed <N>', 'seed of weights and data', wholeNumber(0), 1)
    .option('--name <NAME>', 'name of the weights')
    .option('--folder <DIR>', 'also train on this category in MVTec AD layout, with its defects; repeatable', collect)
    .option('--good-folder <DIR>', 'the same, but its good pictures only; repeatable', collect)
    .option('--from <FILE|NAME>', 'start from these weights')
    .addOption(new Option('--only <PART>', 'move this part of --from alone').choices(['language']))
    .option('--resume', 'go on from the last checkpoint');
  addSeg(train);
  withCommon(command, 'adclick train click parts/bracket --category bracket');
  command.action(async (directory: string, options: Options) =>
    run(options, async (context) => {
      const answer = await trainClick(directory, options, context);
      const { name, weights, steps, seconds, heldOut } = answer;
      const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
      return {
        json: answer,
        lines: [
          `${name}: ${counted(steps, 'step')} in ${formatDuration(seconds)}`,
          ...(heldOut
            ? [`mean IoU on held-out pictures: ${percent(heldOut.before)} before, ${percent(heldOut.after)} after`]
            : []),
          heldOut && !heldOut.kept ? `Not better, so ${weights} stays in use.` : `weights  ${weights}`,
          ...(heldOut && !heldOut.kept ? [] : [`Use them with --weights ${name}, or as weights in adclick.yaml.`]),
        ],
      };
    }),
  );
}
