/** Servers of one project as processes that end with their test, and actions for them. */
import { onTestFinished } from 'vitest';
import { adclick } from '../command.ts';
import { type ServerProcess, startServer } from '../serving.ts';

/** Starts a server that is killed when the test ends, if it is still there. */
export async function started(root: string, ...args: readonly string[]): Promise<ServerProcess> {
  const server = await startServer(root, args);
  onTestFinished(() => void server.child.kill('SIGKILL'));
  return server;
}

/** Runs `adclick serve` to its end: for servers that are to be refused. */
export const serve = (root: string, ...more: readonly string[]) =>
  adclick(['serve', root, '--no-open', '--port', '0', '--json', ...more]);

export const good = { kind: 'state', state: 'good' } as const;
export const todo = { kind: 'state', state: 'todo' } as const;
