/** Other methods that draw masks from clicks: other click weights, and the rivals of `evaluate clicks`. */
import { SIMPLE_CLICK, simpleClickPath } from '@adclick/core/evaluation';
import { fail } from '../../errors.ts';
import { resolveWeights } from '../../project/model-files.ts';
import { SAM } from '../click-rivals.ts';
import type { Making } from './bench.ts';
import { type ClicksBy, type Seen, sha256OfFile } from './cells.ts';
import { weightsOf } from './weights.ts';

/** A method as a row shows it and as a cell of clicks runs it. */
export interface Rival {
  readonly method: string;
  readonly by: ClicksBy;
  /** Files that it needs, by the SHA-256 of their content. */
  readonly files: Readonly<Record<string, string>>;
}

const WEIGHTS = 'weights:';

/** What `sam:` is called where its files are known by their content. */
const PAIR = 'sam';

/** A rival's files by their content. @throws ADC_USAGE for one that is not there. */
async function contents(asked: string, paths: readonly string[]): Promise<[sha256: string, path: string][]> {
  return Promise.all(
    paths.map(async (path): Promise<[string, string]> => {
      const content = await sha256OfFile(path).catch((cause: Error) => {
        throw fail('ADC_USAGE', { what: `--rival ${asked}: ${cause.message}`, command: 'adclick reproduce' });
      });
      return [content, path];
    }),
  );
}

/**
 * Opens what `--rival` names: `weights:FILE`, `simple-click-vit-b` or `sam:ENCODER,DECODER`.
 * @throws ADC_USAGE for what is none of them, ADC_NETWORK_MISSING, ADC_WEIGHTS_….
 */
export async function openRival(asked: string, seen: Seen): Promise<Rival> {
  if (asked.startsWith(WEIGHTS)) {
    const path = resolveWeights(asked.slice(WEIGHTS.length));
    const { weights, trainedOn, check } = await weightsOf(path);
    check(seen.backbone);
    const method = `ADClick, ${weights.name}, trained on ${trainedOn}`;
    return { method, by: { weights, language: true, ...seen }, files: { [weights.file]: path } };
  }
  const pair = SAM.exec(asked);
  if (!pair && asked !== SIMPLE_CLICK) {
    const what = `--rival ${asked} is not weights:FILE, ${SIMPLE_CLICK} or sam:ENCODER,DECODER`;
    throw fail('ADC_USAGE', { what, command: 'adclick reproduce' });
  }
  const known = await contents(asked, pair ? [pair[1], pair[2]] : [simpleClickPath()]);
  const by = { rival: pair ? PAIR : SIMPLE_CLICK, files: known.map(([content]) => content) };
  return { method: asked, by, files: Object.fromEntries(known) };
}

/** A rival as the command line names it, its files where they lie now. */
export function rivalPath(
  { rival, files }: Extract<ClicksBy, { rival: string }>,
  making: Pick<Making, 'files'>,
): string {
  return rival === PAIR ? `${PAIR}:${files.map((content) => making.files[content]).join(',')}` : rival;
}
