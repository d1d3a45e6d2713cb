/** Which process wrote something: a mark that tells others, also after a crash, whether that process is gone. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process among all that ever ran. */
export interface ProcessMark {
  /** Stands for a computer since it was started, and for those processes that see each other there; 8 hexadecimal digits. */
  readonly machine: string;
  readonly pid: number;
  /** When it was started, as the system counts; '0' where the system does not tell. Numbers of processes are given out again. */
  readonly started: string;
}

/** What /proc says; undefined on systems without it. */
function told<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** State and start of a process; undefined where the system does not tell. */
function statusOf(pid: number): { readonly state: string; readonly started: string } | undefined {
  const text = told(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (text === undefined) return undefined;
  // The name of the program stands in brackets and may hold anything; state is the third field, the start the twenty-second.
  const [state = '', ...others] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state, started: others[18] ?? '0' };
}

/** Containers of one name see different processes, and so does a computer after a restart. */
const machineOf = (): string => {
  const boot = told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '';
  const space = told(() => readlinkSync('/proc/self/ns/pid')) ?? '';
  return createHash('sha256').update(`${hostname()}\n${boot}\n${space}`).digest('hex').slice(0, 8);
};

let own: ProcessMark | undefined;

/** The mark of this process; the same in all of its threads. */
export function thisProcess(): ProcessMark {
  own ??= { machine: machineOf(), pid: process.pid, started: statusOf(process.pid)?.started ?? '0' };
  return own;
}

/** Whether a process can be asked after here: it runs, or ran, on this computer since its last start. */
export const isOfThisMachine = ({ machine }: Pick<ProcessMark, 'machine'>): boolean =>
  machine === thisProcess().machine;

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // One of another user is there all the same.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Whether a process has ended for sure. One on another computer never has: nobody here can tell. */
export function isGone({ machine, pid, started }: ProcessMark): boolean {
  if (!isOfThisMachine({ machine })) return false;
  if (!exists(pid)) return true;
  const status = statusOf(pid);
  if (!status) return false;
  // A zombie has ended and only waits to be counted by whoever started it.
  const ended = status.state === 'Z' || status.state === 'X';
  return ended || (started !== '0' && status.started !== started);
}
