/** What a program did outside of the folders that it was given, and outside of this computer, read from a trace by strace. Linux only. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';

/** Where a traced program may write, and where it was started. */
export interface Bounds {
  readonly cwd: string;
  /** Files and folders, with what is in them. */
  readonly writable: readonly string[];
}

/** Something that a program did and should not have. */
export interface Breach {
  readonly kind: 'network' | 'file' | 'unseen';
  /** One line for people. */
  readonly what: string;
}

/** Calls that create, change or remove files. What they are given as paths stands first or second. */
const CHANGES = [
  ...['creat', 'mkdir', 'mkdirat', 'mknod', 'mknodat', 'rename', 'renameat', 'renameat2', 'link', 'linkat'],
  ...['symlink', 'symlinkat', 'truncate', 'unlink', 'unlinkat', 'rmdir', 'chmod', 'fchmodat', 'chown', 'lchown'],
  ...['fchownat', 'utimensat'],
];
const OPENS = ['open', 'openat', 'openat2'];
const SENDS = ['connect', 'bind', 'sendto', 'sendmsg', 'sendmmsg'];
/** After these the other calls cannot be trusted: work that no call shows, and paths relative to an unknown place. */
const BLINDS = ['io_uring_setup', 'chdir', 'fchdir', 'chroot', 'mount'];

/** Devices that are no files. */
const DEVICES = /^\/dev\/(null|zero|tty|full|pts\/\d+)$/;
/** A daemon of this computer that libc asks for the user's name. */
const NAME_SERVICE = '/var/run/nscd/socket';

/** A text of a call, as `strace -xx` writes it: each byte as \x2f. */
const HEX = String.raw`((?:\\x[0-9a-f]{2})*)`;
const unhex = (text: string): string => Buffer.from(text.replaceAll('\\x', ''), 'hex').toString('utf8');

const inside = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + sep);

/** Whether an address leads to this computer. */
function isLocal(address: string): boolean {
  const mapped = /^::ffff:(.+)$/i.exec(address)?.[1] ?? address;
  return isIP(mapped) === 4 ? mapped.startsWith('127.') : mapped === '::1';
}

/** Addresses of a call: family, address or path, and port. */
const socketAddresses = (args: string) =>
  [...args.matchAll(/\{sa_family=(\w+)([^}]*)\}/g)].map(([, family, rest = '']) => ({
    family: family,
    place: unhex(new RegExp(`"${HEX}"`).exec(rest)?.[1] ?? ''),
    port: Number(/sin6?_port=htons\((\d+)\)/.exec(rest)?.[1] ?? Number.NaN),
  }));

/** What a call says to whom, where that is not on this computer. */
function networkBreach(name: string, args: string): string | undefined {
  for (const { family, place, port } of socketAddresses(args)) {
    if (family === 'AF_UNSPEC' || family === 'AF_NETLINK') continue;
    if (family === 'AF_UNIX') {
      // Through these, other programs look names up or act for the caller.
      if (name !== 'bind' && /^\/(var\/)?run\//.test(place) && place !== NAME_SERVICE) return `${name} to ${place}`;
      continue;
    }
    // A datagram socket without a name is bound to any address, port 0; only what it then sends counts.
    const unnamed = name === 'bind' && port === 0 && ['0.0.0.0', '::'].includes(place) && /<UDP/.test(args);
    if (!unnamed && !isLocal(place)) return `${name} ${name === 'bind' ? 'on' : 'to'} ${place || family} port ${port}`;
  }
  return undefined;
}

/** Paths that a call creates, changes or removes. */
function changedPaths(name: string, args: string, result: string): string[] {
  if (OPENS.includes(name)) {
    if (!/\bO_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE)\b/.test(args)) return [];
    const opened = new RegExp(String.raw`^\d+<${HEX}`).exec(result)?.[1];
    return [opened === undefined ? pathsOf(args)[0] : unhex(opened)];
  }
  // One that exists already stays as it is.
  if (/^mkdir/.test(name) && result.startsWith('-1 EEXIST')) return [];
  const paths = pathsOf(args);
  // Of a link the first text is what it points to.
  return /link(at)?$/.test(name) && !/^unlink/.test(name) ? paths.slice(1) : paths;
}

/** Texts as paths, those of `at` calls below the folder that stands before them. */
const pathsOf = (args: string): string[] =>
  [...args.matchAll(new RegExp(`(?:<${HEX}[^>]*>, )?"${HEX}"`, 'g'))].map(([, folder, path = '']) =>
    folder === undefined ? unhex(path) : resolve(unhex(folder), unhex(path)),
  );

/**
 * What the calls of one thread did wrong; what failed counts as well.
 * @param trace lines of `strace -yy -xx`.
 */
export function breachesOf(trace: string, { cwd, writable }: Bounds): Breach[] {
  const found: Breach[] = [];
  const add = (kind: Breach['kind'], what: string) => {
    if (!found.some((one) => one.what === what)) found.push({ kind, what });
  };
  for (const line of trace.split('\n')) {
    const [, name, args = '', result = ''] = /^(\w+)\((.*?)(?:\)\s+= (.*)| <unfinished \.\.\.>)$/.exec(line) ?? [];
    if (name === undefined) {
      if (/^\w+\(/.test(line)) add('unseen', `a call that cannot be read: ${line.slice(0, 200)}`);
      continue;
    }
    if (BLINDS.includes(name)) add('unseen', `${name}, after which a trace says too little`);
    else if (SENDS.includes(name)) {
      const what = networkBreach(name, args);
      if (what !== undefined) add('network', what);
    } else if (OPENS.includes(name) || CHANGES.includes(name)) {
      for (const path of changedPaths(name, args, result)) {
        const full = resolve(cwd, path);
        if (!DEVICES.test(full) && !writable.some((folder) => inside(full, folder))) add('file', `${name} ${full}`);
      }
    }
  }
  return found;
}

/** Whether programs can be traced here, and if not, why. */
export function whyNotTraced(): string | undefined {
  if (process.platform !== 'linux') return `there is no strace on ${process.platform}`;
  const { error, status, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
  if (error) return 'strace is not installed (apt-get install strace)';
  return status === 0 ? undefined : `strace does not work here: ${stderr.trim().split('\n')[0]}`;
}

/** A program while it is traced. */
export interface Running {
  /** What it has written to stdout so far. */
  readonly stdout: () => string;
  /** Sends a signal to the program, not to strace. */
  signal(name: NodeJS.Signals): Promise<void>;
}

export interface Traced {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly breaches: readonly Breach[];
}

interface TraceOptions extends Bounds {
  readonly env: NodeJS.ProcessEnv;
  /** Is called once it runs; the program ends by itself or by a signal from here. */
  readonly meanwhile?: (running: Running) => Promise<void>;
}

/** Runs a program with all of its threads and processes under strace. */
export async function trace(command: readonly string[], { env, meanwhile, ...bounds }: TraceOptions): Promise<Traced> {
  const folder = await mkdtemp(join(tmpdir(), 'adclick-trace-'));
  try {
    const calls = [...OPENS, ...CHANGES, ...SENDS, ...BLINDS].map((name) => `?${name}`).join(',');
    // One file a thread, so that no call is split; paths of descriptors; every byte of a text in hexadecimal.
    const flags = [
      '-ff',
      '--seccomp-bpf',
      '-qq',
      '-yy',
      '-xx',
      '-s',
      '4096',
      '-e',
      'signal=none',
      '-e',
      `trace=${calls}`,
    ];
    const child = spawn('strace', [...flags, '-o', join(folder, 'trace'), ...command], { cwd: bounds.cwd, env });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const ended = new Promise<number | null>((done, reject) => child.on('error', reject).on('close', done));
    const first = async () => Math.min(...(await readdir(folder)).map((name) => Number(name.split('.')[1])));
    const signal = async (name: NodeJS.Signals) => {
      const pid = await first();
      if (Number.isFinite(pid)) process.kill(pid, name);
    };
    try {
      await meanwhile?.({ stdout: () => stdout, signal });
    } catch (error) {
      if (child.exitCode === null) await signal('SIGKILL').catch(() => undefined);
      throw error;
    }
    const code = await ended;
    const breaches: Breach[] = [];
    for (const name of await readdir(folder)) {
      const found = breachesOf(await readFile(join(folder, name), 'utf8'), bounds);
      breaches.push(...found.filter(({ what }) => !breaches.some((one) => one.what === what)));
    }
    return { code, stdout, stderr, breaches };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
