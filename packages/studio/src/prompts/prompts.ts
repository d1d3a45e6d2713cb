/** The prompts of a project's defect types: making, listing, adding and deleting them. */
import { offlinePrompts, PROMPTS, promptFault, tidyPrompt } from '@adclick/core/language';
import { CodedError } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import { Locks } from '../jobs/locks.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { categoriesOf } from '../project/categories.ts';
import { whileWritingPrompts } from '../project/leases.ts';
import type { Project } from '../project/project.ts';
import { askForPrompts, type LanguageModelSettings, languageModelOf } from './language-model.ts';
import { type PromptFile, type PromptSet, readPrompts, writePrompts } from './prompt-file.ts';

/** Prompts of one defect type of one category. */
export interface Prompts extends PromptSet {
  readonly category: string;
  readonly type: string;
}

/** What {@link PromptService.generate} is to do. */
export interface GenerateRequest {
  readonly category?: string;
  readonly type?: string;
  /** The grammar, even where a language model is named. */
  readonly offline?: boolean;
  /** Also types that have prompts: theirs are replaced. */
  readonly replace?: boolean;
}

/** What became of one type. */
export interface Generated {
  readonly category: string;
  readonly type: string;
  readonly by: string;
  readonly phrases: number;
  /** Phrases of the language model that were not what was asked for. */
  readonly dropped: number;
  /** Phrases that the grammar added because the model gave too few. */
  readonly added: number;
}

export interface GenerateReport {
  readonly made: readonly Generated[];
  /** Types that had prompts, which were left as they are. */
  readonly kept: number;
}

/** Phrases to add to and to delete from one type's prompts. */
export interface PromptEdit {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/** Who wrote prompts that no language model wrote. */
const GRAMMAR = 'grammar';
const HAND = 'hand';

/** The one lock of a project's file. */
const FILE = 0;

type Sets = Readonly<Record<string, PromptSet>>;

/** A type's prompts; a type may be called "constructor". */
const ownSet = (sets: Sets, type: string): PromptSet | undefined =>
  Object.hasOwn(sets, type) ? sets[type] : undefined;

const setsOf = ({ prompts }: PromptFile, category: string): Sets =>
  Object.hasOwn(prompts, category) ? (prompts[category] as Sets) : {};

/** The prompts of one project. */
export class PromptService {
  private readonly locks = new Locks();

  /**
   * @param types names of the defect types that the labelling page knows beside those of adclick.yaml.
   * @param inUse what the types that adclick.yaml declares for a category are called now.
   */
  constructor(
    private readonly project: Project,
    private readonly types: () => Promise<readonly string[]> = async () => [],
    private readonly inUse: (declared: readonly string[]) => Promise<readonly string[]> = async (names) => names,
  ) {}

  /** The language model that is asked, or undefined. @throws ADC_USAGE for an environment that does not fit. */
  get model(): LanguageModelSettings | undefined {
    return languageModelOf(this.project.settings);
  }

  /** Every category with its defect types, or those that were asked for. @throws ADC_PROJECT, ADC_DEFECT_TYPE. */
  private async subjects(category?: string, type?: string): Promise<{ category: string; type: string }[]> {
    const others = await this.types();
    const all = await Promise.all(
      categoriesOf(this.project, category).map(async ({ name, settings }) => ({
        name,
        types: [...new Set([...(await this.inUse(settings.defects)), ...others])],
      })),
    );
    if (type !== undefined && !all.some(({ types }) => types.includes(type))) {
      const known = [...new Set(all.flatMap(({ types }) => types))].join(', ') || 'none';
      throw fail('ADC_DEFECT_TYPE', { type, category: all.map(({ name }) => name).join(', '), known });
    }
    return all.flatMap(({ name, types }) =>
      types.filter((known) => type === undefined || known === type).map((known) => ({ category: name, type: known })),
    );
  }

  /** The one category and type that a phrase belongs to. */
  private async subject(type: string, category?: string): Promise<{ category: string; type: string }> {
    const found = await this.subjects(category, type);
    if (found.length === 1) return found[0];
    const what = `type ${type} is in the categories ${found.map((one) => one.category).join(', ')}: say which`;
    throw fail('ADC_USAGE', { what, command: 'adclick prompts edit' });
  }

  /** Prompts that are kept, by category and type; types without any have an empty list by nobody. */
  async list(category?: string, type?: string): Promise<Prompts[]> {
    const file = await readPrompts(this.project.root);
    return (await this.subjects(category, type)).map((subject) => ({
      ...subject,
      ...(ownSet(setsOf(file, subject.category), subject.type) ?? { by: '', phrases: [] }),
    }));
  }

  /**
   * The phrases that a type's features are the mean of: the first {@link PROMPTS} that are kept, the grammar's where none are.
   * @throws ADC_PROMPT_FILE, ADC_PROMPT_NAME.
   */
  async phrases(category: string, type: string): Promise<readonly string[]> {
    const kept = ownSet(setsOf(await readPrompts(this.project.root), category), type);
    return kept?.phrases.slice(0, PROMPTS) ?? offlinePrompts(type, category);
  }

  /** {@link phrases} for a model that works without words too: none for a name that no prompt can be made of. @throws ADC_PROMPT_FILE. */
  async guiding(category: string, type: string): Promise<readonly string[]> {
    try {
      return await this.phrases(category, type);
    } catch (error) {
      if (error instanceof CodedError && error.code === 'ADC_PROMPT_NAME') return [];
      throw error;
    }
  }

  /**
   * Makes prompts for the types that have none. Each type is kept as soon as it is made, so that stopping loses none.
   * @throws ADC_LANGUAGE_MODEL, ADC_PROMPT_NAME, ADC_PROMPT_FILE, ADC_DEFECT_TYPE, ADC_DISK.
   */
  async generate(request: GenerateRequest, { signal, onProgress }: WorkOptions = {}): Promise<GenerateReport> {
    const listed = await this.list(request.category, request.type);
    const wanted = listed.filter(({ phrases }) => request.replace || phrases.length === 0);
    const model = request.offline ? undefined : this.model;
    const made: Generated[] = [];
    for (const [done, { category, type }] of wanted.entries()) {
      onProgress?.({ label: 'prompts', done, total: wanted.length, detail: type });
      signal?.throwIfAborted();
      const { by, phrases, dropped, added } = await this.write(category, type, model, signal);
      let stays = false;
      await this.change((sets) => {
        // Somebody may have written some while the model was asked.
        stays = !request.replace && ownSet(sets, type) !== undefined;
        return stays ? sets : { ...sets, [type]: { by, phrases } };
      }, category);
      if (!stays) made.push({ category, type, by, phrases: phrases.length, dropped, added });
    }
    onProgress?.({ label: 'prompts', done: wanted.length, total: wanted.length });
    return { made, kept: listed.length - made.length };
  }

  private async write(category: string, type: string, model?: LanguageModelSettings, signal?: AbortSignal) {
    if (!model) return { by: GRAMMAR, phrases: offlinePrompts(type, category), dropped: 0, added: 0 };
    const { phrases, dropped } = await askForPrompts(model, type, category, signal);
    const missing = PROMPTS - phrases.length;
    if (missing <= 0) return { by: model.model, phrases: [...phrases], dropped, added: 0 };
    const others = offlinePrompts(type, category).filter((phrase) => !phrases.includes(phrase));
    return { by: model.model, phrases: [...phrases, ...others.slice(0, missing)], dropped, added: missing };
  }

  /**
   * Adds and deletes phrases of one type, all of them or, when one is refused, none.
   * @throws ADC_PROMPT when a phrase to add is no prompt or is there, one to delete is not there, or none would be left; ADC_DEFECT_TYPE.
   */
  async edit(type: string, { add = [], remove = [] }: PromptEdit, named?: string): Promise<Prompts> {
    const { category } = await this.subject(type, named);
    const refuse = (phrase: string, what: string) => fail('ADC_PROMPT', { phrase: phrase.slice(0, 80), type, what });
    const sets = await this.change((sets) => {
      const { by, phrases: before } = ownSet(sets, type) ?? { by: HAND, phrases: [] };
      let phrases = [...before];
      for (const phrase of add) {
        const text = tidyPrompt(phrase);
        const fault = promptFault(text);
        if (fault !== undefined) throw refuse(phrase, fault);
        if (phrases.includes(text)) throw refuse(phrase, 'it is there already');
        // In front: what a person writes is among the prompts that count.
        phrases = [text, ...phrases];
      }
      for (const phrase of remove) {
        const text = tidyPrompt(phrase);
        const rest = phrases.filter((other) => tidyPrompt(other) !== text);
        if (rest.length === phrases.length) throw refuse(phrase, 'there is no such prompt');
        if (rest.length === 0) throw refuse(phrase, 'it is the last one');
        phrases = rest;
      }
      return { ...sets, [type]: { by, phrases } };
    }, category);
    return { category, type, ...(ownSet(sets, type) as PromptSet) };
  }

  /** A type has another name: its prompts go with it. */
  async rename(from: string, to: string): Promise<void> {
    const { prompts } = await readPrompts(this.project.root);
    for (const category of Object.keys(prompts)) {
      if (!ownSet(setsOf({ version: 1, prompts }, category), from)) continue;
      await this.change(({ [from]: moved, ...rest }) => (moved ? { ...rest, [to]: moved } : rest), category);
    }
  }

  /** Replaces one category's prompts, in what the file holds at that moment. @returns what it holds then. @throws ADC_IN_USE, ADC_LEASE_LOST. */
  private change(work: (sets: Sets) => Sets, category: string): Promise<Sets> {
    const { root } = this.project;
    // In this process they come in turn; only then is asked who else writes.
    return this.locks.run(FILE, () =>
      whileWritingPrompts(root, async ({ owned }) => {
        const file = await readPrompts(root);
        const sets = work(setsOf(file, category));
        await owned();
        await writePrompts(root, { ...file, prompts: { ...file.prompts, [category]: { ...sets } } });
        return sets;
      }),
    );
  }
}
