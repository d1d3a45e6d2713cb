/** The defect types of a project: declaring, adding and changing them, and telling everybody. */
import type { DefectType } from '../api.ts';
import { fail } from '../errors.ts';
import type { Bus } from '../jobs/bus.ts';
import { categoriesOf } from '../project/categories.ts';
import type { Project } from '../project/project.ts';
import type { Store } from '../store/store.ts';

/** Name of the type that projects without defect types get. */
const DEFAULT_TYPE = 'defect';

/** What else goes by a type's name, and follows when that changes. */
export interface Named {
  /** @throws where it could not follow. */
  list(): Promise<unknown>;
  rename(before: string, after: string): Promise<unknown>;
}

export class DefectTypes {
  constructor(
    private readonly types: Store['types'],
    private readonly prompts: Named,
    private readonly bus: Bus,
  ) {}

  /** Brings the types that the project file names into the list; one at least is there. */
  async declare(project: Project): Promise<void> {
    await this.types.declare(categoriesOf(project).flatMap(({ settings }) => settings.defects));
    if ((await this.types.list()).length === 0) await this.types.ensure([DEFAULT_TYPE]);
  }

  /** @throws ADC_NAME_TAKEN. */
  async add(name: string, colour: string): Promise<DefectType> {
    const type = await this.types.add(name, colour);
    if (!type) throw fail('ADC_NAME_TAKEN', { name });
    await this.tell();
    return type;
  }

  /** @throws ADC_NOT_FOUND, ADC_NAME_TAKEN. */
  async change(id: number, patch: { name?: string; colour?: string; archived?: boolean }): Promise<DefectType> {
    const before = (await this.types.list()).find((known) => known.id === id);
    // A file of prompts that cannot be read is met before anything has changed.
    if (patch.name !== undefined) await this.prompts.list();
    const type = await this.types.change(id, patch);
    if (type === 'missing') throw fail('ADC_NOT_FOUND', { what: `defect type ${id}` });
    if (type === 'taken') throw fail('ADC_NAME_TAKEN', { name: patch.name ?? '' });
    if (before && before.name !== type.name)
      await this.prompts.rename(before.name, type.name).catch(async (error) => {
        await this.types.change(id, { name: before.name });
        throw error;
      });
    await this.tell();
    return type;
  }

  private async tell(): Promise<void> {
    this.bus.emit({ kind: 'types', types: await this.types.list() });
  }
}
