/** Which versions of Node.js ADClick is tested with, and how long each of them gets security updates. */

/** A line of releases. */
interface ReleaseLine {
  readonly major: number;
  /** Its oldest minor version that is supported. */
  readonly minor: number;
  /** Its last day, as YYYY-MM-DD, by the schedule of https://github.com/nodejs/release. */
  readonly endOfLife: string;
}

/** The lines that the tests run on, oldest first. `engines` and the README say the same. */
export const TESTED_NODES: readonly ReleaseLine[] = [
  { major: 20, minor: 19, endOfLife: '2026-04-30' },
  { major: 22, minor: 12, endOfLife: '2027-04-30' },
  { major: 24, minor: 0, endOfLife: '2028-04-30' },
  { major: 26, minor: 0, endOfLife: '2029-04-30' },
];
/** Their names: '20.19', '22', and so on. */
export const TESTED_NAMES = TESTED_NODES.map(({ major, minor }, n) => (n === 0 ? `${major}.${minor}` : `${major}`));
const OLDEST = TESTED_NODES[0];
const NEWEST = TESTED_NODES.at(-1)!;

/** What is to be said about a version; nothing when all is well. */
export interface NodeVerdict {
  /** It is too old. */
  readonly problem?: string;
  /** It may well work, but another would be better. */
  readonly warning?: string;
}

/**
 * Judges a version of Node.js.
 * @param version such as '24.1.0'.
 * @param today the day with which ends of life are compared.
 */
export function judgeNode(version: string, today: Date): NodeVerdict {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const line = TESTED_NODES.find((each) => each.major === major);
  const over = ({ endOfLife }: ReleaseLine) => endOfLife < today.toISOString().slice(0, 10);
  const better = over(NEWEST) ? 'a version that does' : `Node.js ${NEWEST.major}, which does until ${NEWEST.endOfLife}`;
  if (major < OLDEST.major || (line && minor < line.minor)) {
    const { major: wanted, minor: least } = line ?? OLDEST;
    return {
      problem: `Node.js ${version} is too old: install Node.js ${NEWEST.major}, or at least ${wanted}.${least}`,
    };
  }
  if (line && over(line))
    return { warning: `Node.js ${version} has had no security updates since ${line.endOfLife}: install ${better}` };
  if (line) return {};
  if (major > NEWEST.major)
    return {
      warning: `Node.js ${version} is newer than what ADClick is tested with (${TESTED_NAMES.join(', ')}); it should work`,
    };
  return { warning: `Node.js ${version} is a short-lived version that gets no security updates: install ${better}` };
}
