/** `adclick serve`: the labelling page of a project, and its users where others can reach it. */
import type { Command } from 'commander';
import { errorLine, fail } from '../errors.ts';
import { openOrInit } from '../project/categories.ts';
import { withFirstDatabase } from '../project/leases.ts';
import type { Project } from '../project/project.ts';
import { Store } from '../store/store.ts';
import { hasDesktop, openBrowser } from './browser.ts';
import { collect, wholeNumber } from './options.ts';
import { type Answer, type CommonOptions, type Context, run, withCommon } from './run.ts';

/** Options of every command that serves. */
export interface ServingOptions {
  readonly port?: number;
  readonly host?: string;
  readonly publicUrl?: string;
  readonly trustProxy?: readonly string[];
  readonly open: boolean;
  readonly takeover?: boolean;
}

interface Options extends CommonOptions, ServingOptions {
  readonly addUser?: string;
  readonly removeUser?: string;
}

export const portNumber = wholeNumber(0, 65_535);

/** Names of users stand in the history and in tokens. */
const USER_NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,79}$/u;

/**
 * Starts serving a project; the answer stays until it is asked to stop.
 * @param before lines and fields of what was done first.
 */
export async function startServing(
  project: Project,
  { port, host, publicUrl, trustProxy, open, takeover }: ServingOptions,
  { note, colours, signal }: Pick<Context, 'note' | 'colours' | 'signal'>,
  before: Pick<Answer, 'lines' | 'json'> = { lines: [], json: {} },
): Promise<Answer> {
  // Loaded only here: the other commands start faster without a server.
  const { serve } = await import('../server/listen.ts');
  const onFailure = (error: Parameters<typeof errorLine>[0]) => note(errorLine(error));
  const serving = await serve(project, { port, host, publicUrl, trustProxy, takeover, onFailure, signal });
  const passedOver = serving.studio.catalogue.passedOver();
  for (const text of passedOver) note(text);
  const { address, behind } = serving;
  const opened = open && hasDesktop() && (await openBrowser(address));
  return {
    json: { ...before.json, address, behind, passedOver },
    lines: [
      ...before.lines,
      `Labelling page: ${colours.bold(address)}${behind === address ? '' : `, by a proxy that asks ${behind}`}`,
      `${opened ? 'It opens in your browser.' : 'Open it in a browser.'} Ctrl-C ends.`,
    ],
    async stay(signal) {
      const asked = new Promise<undefined>((resolve) => {
        if (signal.aborted) resolve(undefined);
        else signal.addEventListener('abort', () => resolve(undefined), { once: true });
      });
      const lost = await Promise.race([asked, serving.lost]);
      await serving.close();
      if (lost) throw lost;
    },
  };
}

async function addUser(project: Project, name: string): Promise<Answer> {
  if (!USER_NAME.test(name)) {
    const what = `'${name}' cannot be a name: letters, digits, space, dot, dash, at most 80`;
    throw fail('ADC_USAGE', { what, command: 'adclick serve' });
  }
  const store = await withFirstDatabase(project.root, () => Store.open(project.root));
  try {
    const token = await store.users.add(name);
    if (token === undefined) throw fail('ADC_NAME_TAKEN', { name });
    return {
      json: { user: name, token },
      lines: [`Token of ${name}, shown only now:`, token],
    };
  } finally {
    await store.close();
  }
}

async function removeUser(project: Project, name: string): Promise<Answer> {
  const store = await withFirstDatabase(project.root, () => Store.open(project.root));
  try {
    if (!(await store.users.remove(name))) throw fail('ADC_NOT_FOUND', { what: `user ${name}` });
    return { json: { removed: name }, lines: [`${name} can no longer log in; the history keeps the name.`] };
  } finally {
    await store.close();
  }
}

export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .description('the labelling page of a project, in the browser')
    .argument('[DIR]', 'folder of the project', '.')
    .option('--port <N>', 'port (default: 4280, or the next free one)', portNumber)
    .option('--host <H>', 'address that others may reach; people then log in with tokens (default: this computer only)')
    .option('--public-url <URL>', 'address under which a proxy in front makes the page known; people then log in')
    .option(
      '--trust-proxy <ADDRESS>',
      "proxy, or network of proxies, that is believed on clients' addresses; may be repeated (default: with --public-url this computer)",
      collect,
    )
    .option('--no-open', 'do not open a browser')
    .option(
      '--takeover',
      'take the project from a server that gives no sign of life, such as one on a computer that is gone',
    )
    .option('--add-user <NAME>', 'add somebody who may log in, print the token, and end')
    .option('--remove-user <NAME>', 'take the right to log in away again, and end');
  withCommon(command, 'adclick serve parts/bracket');
  command.action(async (directory: string, options: Options) =>
    run(options, async (context) => {
      const { project } = await openOrInit(directory);
      if (options.addUser !== undefined) return addUser(project, options.addUser);
      if (options.removeUser !== undefined) return removeUser(project, options.removeUser);
      return startServing(project, options, context);
    }),
  );
}
