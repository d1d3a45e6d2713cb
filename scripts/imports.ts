/** Who imports whom, by TypeScript's own resolution: every import of the packages' source files, those of types included. */
import { dirname, relative, resolve } from 'node:path';
import ts from 'typescript';

/** The repository's root. */
export const ROOT = resolve(import.meta.dirname, '..');

/** Source files by their path from the root, each with those that it imports. */
export type Imports = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the imports of all that a tsconfig names and lies in `packages/<name>/src`, tests left out. */
export function importsOf(configs: readonly string[]): Imports {
  const imports = new Map<string, ReadonlySet<string>>();
  for (const config of configs) {
    const { fileNames, options } =
      ts.getParsedCommandLineOfConfigFile(resolve(ROOT, config), {}, host()) ?? none(config);
    const cache = ts.createModuleResolutionCache(ROOT, (name) => name, options);
    for (const file of fileNames.filter(isSource)) {
      const found = new Set<string>();
      for (const { fileName } of ts.preProcessFile(ts.sys.readFile(file) ?? '', true, true).importedFiles) {
        const { resolvedModule } = ts.resolveModuleName(fileName, file, options, ts.sys, cache);
        if (resolvedModule && isSource(resolvedModule.resolvedFileName))
          found.add(pathOf(resolvedModule.resolvedFileName));
      }
      imports.set(pathOf(file), found);
    }
  }
  return imports;
}

const pathOf = (file: string) => relative(ROOT, file).replaceAll('\\', '/');
const isSource = (file: string) =>
  /^packages\/[^/]+\/src\//.test(pathOf(file)) && !/\.test\.tsx?$|\/fixtures\//.test(file) && /\.tsx?$/.test(file);

function host(): ts.ParseConfigFileHost {
  return {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
    },
  };
}

function none(config: string): never {
  throw new Error(`${config} cannot be read`);
}

/** The room a file stands in: its folder, or the file itself where it lies at the top of its package. */
export const roomOf = (file: string): string => (/^packages\/[^/]+\/src\/[^/]+$/.test(file) ? file : dirname(file));

/** The same between rooms: an arrow where any file of one imports any of the other. */
export function roomsOf(imports: Imports): Imports {
  const rooms = new Map<string, Set<string>>();
  for (const [file, targets] of imports) {
    const from = roomOf(file);
    const arrows = rooms.get(from) ?? new Set();
    for (const target of targets) if (roomOf(target) !== from) arrows.add(roomOf(target));
    rooms.set(from, arrows);
  }
  return rooms;
}

/** Every group of nodes that reach each other (Tarjan's strongly connected components of more than one node). */
export function circles(imports: Imports): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): number => {
    const number = order.size;
    order.set(node, number);
    stack.push(node);
    let lowest = number;
    for (const next of imports.get(node) ?? []) {
      if (!order.has(next)) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, order.get(next) ?? lowest);
    }
    low.set(node, lowest);
    if (lowest === number) {
      const group = stack.splice(stack.indexOf(node));
      if (group.length > 1) found.push(group.sort());
    }
    return lowest;
  };
  for (const node of imports.keys()) if (!order.has(node)) visit(node);
  return found;
}
