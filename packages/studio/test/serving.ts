/** The server as a process of its own, and a client for it. Used by tests and benchmarks. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type Action, type ActionAnswer, API } from '../src/api.ts';
import { ADCLICK } from './command.ts';

/** Compiling sources on a busy machine takes its time. */
const START_MS = 120_000;

export interface ServerProcess {
  readonly address: string;
  /** Where it listens itself; differs from the address behind a proxy. */
  readonly behind: string;
  readonly child: ChildProcess;
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string | null>;
  readonly stderr: () => string;
}

/** Starts `adclick serve` and waits until it says where it is. @param command what runs `adclick`. @param channel whether it can be sent messages. */
export async function startServer(
  root: string,
  args: readonly string[] = [],
  { command = ADCLICK, channel = false }: { command?: readonly string[]; channel?: boolean } = {},
): Promise<ServerProcess> {
  const [program = '', ...first] = command;
  const words = [...first, 'serve', root, '--no-open', '--json', '--port', '0', ...args];
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe', ...(channel ? (['ipc'] as const) : [])],
  }) as ChildProcessByStdio<null, Readable, Readable>;
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('exit', (code, signal) => resolve(signal ?? code)),
  );
  const { address, behind } = await new Promise<{ address: string; behind: string }>((resolve, reject) => {
    let stdout = '';
    const timer = setTimeout(() => reject(new Error(`no server after ${START_MS / 1000} s: ${stderr}`)), START_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const line = stdout.split('\n', 2)[0] ?? '';
      if (!stdout.includes('\n')) return;
      clearTimeout(timer);
      resolve(JSON.parse(line) as { address: string; behind: string });
    });
    void ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${code}: ${stderr}`));
    });
  });
  return { address, behind, child, ended, stderr: () => stderr };
}

/** An answer of the server with its status. */
export interface Answered<Body> {
  readonly status: number;
  readonly body: Body;
}

/** A client of one server. */
export class Client {
  constructor(private readonly address: string) {}

  /** @throws TypeError when the connection breaks. */
  async call<Body>(method: string, path: string, payload?: unknown): Promise<Answered<Body>> {
    const response = await fetch(new URL(`${API}${path}`, this.address), {
      method,
      ...(payload === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(payload) }),
    });
    return { status: response.status, body: (await response.json()) as Body };
  }

  get<Body>(path: string): Promise<Answered<Body>> {
    return this.call('GET', path);
  }

  act(image: number, base: number, action: Action): Promise<Answered<ActionAnswer>> {
    return this.call('POST', `/images/${image}/actions`, { base, action });
  }
}
