/** Defect types of a project. */
import type { DefectType } from '../api.ts';
import type { Db } from './schema.ts';

/** Told apart on light and dark pictures, and by people who do not see red and green apart: Okabe and Ito's palette, then more. */
export const PALETTE = [
  '#e69f00',
  '#56b4e9',
  '#009e73',
  '#f0e442',
  '#0072b2',
  '#d55e00',
  '#cc79a7',
  '#8a63d2',
  '#7f8c8d',
  '#b8e994',
] as const;

export class TypeRepository {
  constructor(private readonly db: Db) {}

  async list(): Promise<DefectType[]> {
    const rows = await this.db.selectFrom('types').selectAll().orderBy('id').execute();
    return rows.map((row) => ({ ...row, archived: row.archived !== 0 }));
  }

  /** Adds types that are not there yet, by name, with the next colours. @returns all. */
  async ensure(names: readonly string[]): Promise<DefectType[]> {
    const types = await this.list();
    // Imports ask for each picture; what is there already is not worth a write.
    if (names.every((name) => types.some((type) => type.name === name))) return types;
    return this.db.transaction().execute((db) => new TypeRepository(db).addMissing(names));
  }

  private async addMissing(names: readonly string[]): Promise<DefectType[]> {
    const types = await this.list();
    for (const name of new Set(names)) {
      if (types.some((type) => type.name === name)) continue;
      types.push(await this.insert(name, PALETTE[types.length % PALETTE.length]));
    }
    return types;
  }

  /**
   * Takes over the names that adclick.yaml declares, each once: what people rename afterwards keeps its new name although the file
   * still has the old one.
   */
  async declare(names: readonly string[]): Promise<void> {
    await this.db.transaction().execute(async (db) => {
      const repository = new TypeRepository(db);
      const before = new Set((await repository.declared()).map(({ name }) => name));
      const fresh = [...new Set(names)].filter((name) => !before.has(name));
      const types = new Map((await repository.addMissing(fresh)).map(({ id, name }) => [name, id]));
      const rows = fresh.flatMap((name) => {
        const type = types.get(name);
        return type === undefined ? [] : [{ name, type }];
      });
      if (rows.length > 0) await db.insertInto('declared').values(rows).execute();
    });
  }

  /**
   * Names of the types in use: those that adclick.yaml declares, in its order and as they are called now, then the others.
   * @param declared names that were not taken over yet stand for themselves.
   */
  async inUse(declared: readonly string[]): Promise<string[]> {
    const types = await this.list();
    const became = new Map((await this.declared()).map(({ name, type }) => [name, type]));
    const first = declared.flatMap((name) => {
      const id = became.get(name);
      const type = types.find((each) => (id === undefined ? each.name === name : each.id === id));
      return type ? (type.archived ? [] : [type.name]) : [name];
    });
    return [...new Set([...first, ...types.filter(({ archived }) => !archived).map(({ name }) => name)])];
  }

  private declared(): Promise<{ name: string; type: number }[]> {
    return this.db.selectFrom('declared').selectAll().execute();
  }

  /** @returns undefined when the name is taken. */
  async add(name: string, colour: string): Promise<DefectType | undefined> {
    return this.db.transaction().execute(async (db) => {
      const taken = await db.selectFrom('types').select('id').where('name', '=', name).executeTakeFirst();
      return taken ? undefined : new TypeRepository(db).insert(name, colour);
    });
  }

  private async insert(name: string, colour: string): Promise<DefectType> {
    const { last } = await this.db
      .selectFrom('types')
      .select(({ fn }) => fn.max('id').as('last'))
      .executeTakeFirstOrThrow();
    const id = Number(last ?? 0) + 1;
    await this.db.insertInto('types').values({ id, name, colour, archived: 0 }).execute();
    return { id, name, colour, archived: false };
  }

  /** @returns 'missing', 'taken' when another type has the name, or the type. */
  async change(
    id: number,
    patch: { name?: string; colour?: string; archived?: boolean },
  ): Promise<DefectType | 'missing' | 'taken'> {
    return this.db.transaction().execute(async (db) => {
      const row = await db.selectFrom('types').selectAll().where('id', '=', id).executeTakeFirst();
      if (!row) return 'missing';
      if (patch.name !== undefined) {
        const other = await db
          .selectFrom('types')
          .select('id')
          .where('name', '=', patch.name)
          .where('id', '!=', id)
          .executeTakeFirst();
        if (other) return 'taken';
      }
      const next = {
        name: patch.name ?? row.name,
        colour: patch.colour ?? row.colour,
        archived: (patch.archived ?? row.archived !== 0) ? 1 : 0,
      };
      await db.updateTable('types').set(next).where('id', '=', id).execute();
      return { id, ...next, archived: next.archived !== 0 };
    });
  }
}
