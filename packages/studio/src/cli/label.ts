/** `adclick label`: a mask from clicks on one picture. */
import type { Command } from 'commander';
import { fail } from '../errors.ts';
import { labelPicture } from '../workbench/labelling.ts';
import { formatClick, parseClick } from './clicks.ts';
import { fileEnding } from './options.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly project: string;
  readonly click: readonly string[];
  readonly category?: string;
  readonly defect?: string;
  readonly weights?: string;
  readonly out?: string;
  readonly prob?: string;
}

const usage = (what: string) => fail('ADC_USAGE', { what, command: 'adclick label' });

/** The picture and the clicks. `--click 1,2,+ bad.png` reads bad.png as a click; one such word is taken as the picture. */
function sortOut(image: string | undefined, words: readonly string[]) {
  const others = words.filter((word) => !parseClick(word));
  const picture = image ?? others.shift();
  if (picture === undefined) throw usage("missing required argument 'IMAGE'");
  if (others.length > 0) throw usage(`'${others[0]}' is no click; write X,Y,+ or X,Y,-`);
  return { picture, clicks: words.flatMap((word) => parseClick(word) ?? []) };
}

export function addLabel(program: Command): void {
  const command = program
    .command('label')
    .description('a mask of the defect from clicks on one picture')
    .argument('[IMAGE]', 'the picture')
    .requiredOption('--project <DIR>', 'folder of the project, indexed')
    .requiredOption('--click <X,Y,SIGN...>', 'a pixel of the defect (+) or one that is not (-); repeatable, in order')
    .option('--category <NAME>', 'category of the picture, when the project has several')
    .option('--defect <NAME>', "type of the defect, one of the project's")
    .option('--weights <FILE|NAME>', "click weights (default: the project's)")
    .option(
      '--out <FILE>',
      'where the mask goes: 255 defect, 0 elsewhere (default: NAME_mask.png here)',
      fileEnding('.png'),
    )
    .option('--prob <FILE>', 'where the probabilities go: 16 bits, 65535 is 1', fileEnding('.png'));
  withCommon(command, 'adclick label bad.png --project parts/bracket --click 412,233,+ --click 80,15,- --out mask.png');
  command.action(async (image: string | undefined, options: Options) =>
    run(options, async ({ signal, onProgress, note }) => {
      const { picture, clicks } = sortOut(image, options.click);
      const { project, category, defect, weights, out, prob } = options;
      const request = { picture, clicks, project, category, defect, weights, out, probabilityOut: prob };
      const result = await labelPicture(request, { signal, onProgress, note });
      const { mask, probability, pixels, share, milliseconds } = result;
      return {
        json: result,
        lines: [
          `${picture}: ${clicks.map(formatClick).join(' ')}`,
          `${pixels} defect pixels, ${(100 * share).toFixed(2)} % of the picture (ready in ${milliseconds.ready} ms, clicks ${milliseconds.clicks} ms)`,
          `mask         ${mask}`,
          ...(probability ? [`probability  ${probability}`] : []),
        ],
      };
    }),
  );
}
