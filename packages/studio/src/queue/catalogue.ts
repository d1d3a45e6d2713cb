/** What there is in a project: its pictures as of the last look at the folders, and the figures that the page shows of it. */
import { basename, resolve } from 'node:path';
import type { ProjectInfo } from '../api.ts';
import { categoriesOf } from '../project/categories.ts';
import { type CategoryPictures, findGood, projectFinder } from '../project/category-pictures.ts';
import { passedOverText } from '../project/finding.ts';
import type { Project } from '../project/project.ts';
import { type ScanReport, scanProject } from '../project/scan.ts';
import type { Store } from '../store/store.ts';
import { VERSION } from '../version.ts';
import type { Categories } from './open-categories.ts';

export class Catalogue {
  /** Good pictures by category, as of the last look. */
  private normals: ReadonlyMap<string, CategoryPictures> = new Map();
  private scanned: ScanReport | undefined;

  constructor(
    private readonly project: Project,
    private readonly store: Store,
    private readonly categories: Categories,
  ) {}

  /** Brings the list of images in step with the disk. */
  async scan(): Promise<ScanReport> {
    const { project } = this;
    const found = new Map<string, CategoryPictures>();
    for (const category of categoriesOf(project))
      found.set(category.name, await findGood(project, category, projectFinder(project, { missing: true })));
    this.normals = found;
    this.scanned = await scanProject(project, this.store.images);
    return this.scanned;
  }

  /** What the last look at the folders left out, in sentences. Paths are relative to the project. */
  passedOver(): string[] {
    if (!this.scanned) return [];
    const { unreadable, passedOver } = this.scanned;
    const { root } = this.project;
    const broken = unreadable.map((path) => ({ path: resolve(root, path), why: 'unreadable', files: 1 }) as const);
    // Where nothing is named to be looked at, the good pictures are the queue.
    const apart = categoriesOf(this.project).filter(({ settings }) => settings.test.length > 0);
    const good = apart.flatMap(({ name }) => this.normals.get(name)?.passedOver ?? []);
    const texts = [passedOverText([...passedOver, ...broken], root), passedOverText(good, root)];
    return texts.flatMap((text, i) => (text === undefined ? [] : [i === 0 ? text : `Good pictures: ${text}`]));
  }

  /** `GET /project`. @param user whose name the page shows. */
  async info(user: string): Promise<ProjectInfo> {
    const [counts, types] = await Promise.all([this.store.images.counts(), this.store.types.list()]);
    const sum = (rows: typeof counts) => rows.reduce((total, { images }) => total + images, 0);
    const inState = (state: string) => sum(counts.filter((row) => row.state === state));
    return {
      id: this.store.id,
      name: basename(this.project.root),
      version: VERSION,
      user,
      categories: categoriesOf(this.project).map(({ name }) => ({
        name,
        images: sum(counts.filter(({ category }) => category === name)),
        normals: this.normals.get(name)?.pictures.length ?? 0,
        indexed: this.categories.isOpen(name),
      })),
      types,
      counts: { todo: inState('todo'), defect: inState('defect'), good: inState('good') },
      passedOver: this.passedOver(),
    };
  }
}
