/** `adclick export`: the labels of a project in another tool's format. */
import { fromStored } from '@adclick/core/files';
import { type Command, InvalidArgumentError } from 'commander';
import { counted, FORMATS, type Format } from '../api.ts';
import { exportLabels, leftOutLines, maskFilesLines, SHOWN } from '../exchange/transfer.ts';
import { localUser } from '../local-user.ts';
import { openLabels } from '../open-labels.ts';
import { formatOption } from './options.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly format: Format;
  readonly to: string;
  readonly force?: boolean;
  readonly drafts?: boolean;
  readonly changed?: boolean;
  readonly pictures: boolean;
  readonly simplify: number;
}

function tolerance(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError('It must be a number of pixels from 0 to 100.');
}

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write the labels of a project for another tool; the export is read again and compared')
    .argument('[DIR]', 'folder of the project', '.')
    .requiredOption('--format <NAME>', FORMATS.join(', '), formatOption)
    .requiredOption('--to <PATH>', 'folder to make')
    .option('--force', 'replace an earlier export at that place')
    .option('--drafts', 'also masks that nobody has confirmed yet')
    .option('--changed', 'also labels whose picture has changed since they were made')
    .option('--no-pictures', 'labels only, without copies of the pictures')
    .option(
      '--simplify <PIXELS>',
      'how far polygons may leave the contour, to have fewer corners (yolo)',
      tolerance,
      0,
    );
  withCommon(command, 'adclick export parts/bracket --format coco --to bracket-coco');
  command.action(async (directory: string, options: Options) =>
    run(options, async ({ signal, onProgress }) => {
      const { format, to, force, drafts, changed: moved, simplify } = options;
      const { root, store, close } = await openLabels(directory, localUser(), format);
      const pictureOf = options.pictures ? ({ path }: { path: string }) => fromStored(root, path) : undefined;
      const request = { format, target: to, force, drafts, changed: moved, simplify, pictureOf };
      const report = await exportLabels(store, request, { signal, onProgress }).finally(close);
      const pixels = report.changed.reduce((sum, image) => sum + image.pixels, 0);
      const changed = report.changed.slice(0, SHOWN).map((image) => `  ${image.path}: ${image.pixels} pixels`);
      return {
        json: report,
        exit: report.leftOut.length > 0 ? 1 : 0,
        lines: [
          `${counted(report.images, 'image')} as ${format} in ${report.target}`,
          ...(report.unlabelled > 0 ? [`Without a label yet: ${counted(report.unlabelled, 'image')}`] : []),
          ...maskFilesLines(report.maskFiles),
          report.changed.length === 0
            ? 'Read again, every mask is the same pixel by pixel'
            : `Read again, ${counted(report.changed.length, 'image')} changed by ${counted(pixels, 'pixel')}:`,
          ...changed,
          ...(report.changed.length > SHOWN ? [`  and ${report.changed.length - SHOWN} more; --json lists all`] : []),
          ...leftOutLines(report.leftOut),
        ],
      };
    }),
  );
}
