/** Recognising how a folder of pictures is laid out, so that a project file can be proposed for it. */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { openCategory } from '@adclick/core/datasets';
import { isFolder, naturalOrder } from '@adclick/core/files';
import { LOST_NAME } from '../api.ts';
import { fail } from '../errors.ts';
import { passOver, passOverIfThere } from '../log.ts';
import { type CategoryLayout, leftOut, readCategory } from './category-layout.ts';
import { splitOf } from './folder-names.ts';
import { type FolderNode, filesBelow, readTree } from './folder-tree.ts';
import type { CategorySettings } from './project.ts';

/** Folders around categories that are looked through: `1cls/candle`, `realiad_256/audiojack`. */
const CATEGORY_DEPTH = 3;
/** Folders that an error names. */
const NAMED = 6;

/** What was found. */
export interface Layout {
  readonly categories: Readonly<Record<string, CategorySettings>>;
  /** In words, for the person who runs `init`. */
  readonly kind: string;
  /** Files of masks by category. */
  readonly masks: ReadonlyMap<string, number>;
  /** Folders with pictures that have no place in any category. */
  readonly leftOut: readonly { readonly folder: string; readonly files: number }[];
}

/** Categories by the path of their folder. */
type Found = Map<FolderNode, CategoryLayout>;

const filesOf = (found: Found) => [...found.values()].reduce((sum, { files }) => sum + files, 0);

async function several(root: string, node: FolderNode, depth: number): Promise<Found> {
  const found: Found = new Map();
  for (const child of node.folders)
    for (const [folder, layout] of await best(root, child, depth - 1)) if (!layout.assumed) found.set(folder, layout);
  return found;
}

/** The reading of a folder that leaves the fewest pictures without a place: as one category, or as a folder of categories. */
async function best(root: string, node: FolderNode, depth: number): Promise<Found> {
  const single = await readCategory(root, node);
  const one: Found = new Map(single ? [[node, single]] : []);
  // Whole datasets say what is what in `train` and `test`; their parts are no categories.
  const isWhole = single?.split && node.folders.some(({ name }) => splitOf(name) === 'test');
  if (depth === 0 || isWhole) return one;
  const many = await several(root, node, depth);
  const wins = single?.split ? filesOf(many) === filesBelow(node) : true;
  return wins && filesOf(many) > filesOf(one) ? many : one;
}

/** VisA's own division: good pictures that its table keeps for testing are looked at, not compared with. */
async function divided(root: string, path: string, settings: CategorySettings): Promise<CategorySettings> {
  const table = resolve(root, path, '..', 'split_csv', '1cls.csv');
  if (!(await stat(table).catch(passOverIfThere('table of the set not read', { path: table })))) return settings;
  const dataset = await openCategory(resolve(root, path, '..'), basename(resolve(root, path))).catch(
    passOver('table of the set not read', { path: table }),
  );
  const [good] = settings.good;
  if (!dataset || good === undefined) return settings;
  return { ...settings, test: [...settings.test, ...dataset.testGood.map((file) => `${good}/${basename(file)}`)] };
}

function describe(found: readonly CategoryLayout[]): string {
  const [first] = found as [CategoryLayout];
  const count = found.length === 1 ? 'one category' : `${found.length} categories`;
  const kinds = new Set(found.map(({ kind }) => kind));
  if (kinds.size === 1 && first.kind !== '') return `${count} in the layout of ${first.kind}`;
  if (found.length > 1) return `${count} in folders named by what they hold`;
  return first.assumed ? 'pictures in one folder, all taken as good' : 'folders named by what they hold';
}

/**
 * Looks at a folder: one category or several, by the names of folders that datasets and people use, in whatever mixture of them.
 * @throws ADC_FOLDER_MISSING; ADC_NO_NORMALS when there is nothing that could be good pictures.
 */
export async function detectLayout(directory: string): Promise<Layout> {
  const root = resolve(directory);
  if (!(await isFolder(root))) throw fail('ADC_FOLDER_MISSING', { path: directory });
  const tree = await readTree(root);
  const found = await best(root, tree, CATEGORY_DEPTH);
  if (found.size === 0) {
    const folders = tree.folders.map(({ name }) => name);
    const there = folders.length > NAMED ? [...folders.slice(0, NAMED), '…'] : folders;
    const path = there.length > 0 ? `${directory}, which has ${there.join(', ')}` : directory;
    throw fail('ADC_NO_NORMALS', { path });
  }
  const nodes = [...found].sort(([a], [b]) => naturalOrder(a.path, b.path));
  const last = nodes.map(([{ name }]) => name);
  const nameOf = ({ name, path }: FolderNode) =>
    path === '' ? basename(root) || 'product' : last.filter((other) => other === name).length > 1 ? path : name;
  const categories = new Map<string, CategorySettings>();
  const masks = new Map<string, number>();
  const placed = new Set<string>();
  for (const [node, layout] of nodes) {
    const { settings } = layout;
    if ([nameOf(node), ...(settings.defects ?? [])].includes(LOST_NAME))
      throw fail('ADC_USAGE', {
        what: `a folder called ${LOST_NAME} can be no name; rename it`,
        command: 'adclick init',
      });
    categories.set(nameOf(node), layout.kind === 'VisA' ? await divided(root, node.path, settings) : settings);
    masks.set(nameOf(node), layout.masks);
    for (const folder of layout.folders) placed.add(folder);
  }
  return {
    categories: Object.fromEntries(categories),
    kind: describe(nodes.map(([, layout]) => layout)),
    masks,
    leftOut: leftOut(tree, placed),
  };
}
