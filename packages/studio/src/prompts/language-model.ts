/** Asking a language model for prompts (Eq. 5), over OpenAI's protocol; any server that speaks it will do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { generatedPromptFault, PROMPTS, PROMPTS_ASKED, promptInstruction } from '@adclick/core/language';
import type OpenAI from 'openai';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { isLoopback } from '../loopback.ts';
import { deepest, LONGEST_PAUSE_MS, mayPass, Passing, short, wantedPause } from '../other-servers.ts';
import { isServerAddress, type ProjectSettings, SERVER_ADDRESS } from '../project/project.ts';
import { VERSION } from '../version.ts';

/** Where a language model answers. */
export interface LanguageModelSettings {
  readonly baseURL: string;
  readonly model: string;
  /** Seconds that one answer may take. */
  readonly timeout: number;
  /** Whether it may be asked at all: see {@link languageModelOf}. */
  readonly allowed: boolean;
  /** Only where the user has named or allowed the address. */
  readonly key?: string;
  /** There is a key, but nobody but the project file names the address. */
  readonly keyWithheld?: boolean;
}

/** What came of asking. */
export interface ModelPrompts {
  /** Valid, distinct phrases in the order of the answers. */
  readonly phrases: readonly string[];
  /** Phrases that were not what was asked for. */
  readonly dropped: number;
}

const DEFAULT_TIMEOUT = 120;
/** Times that a request is sent before its failure counts. */
const TRIES = 3;
/** Answers that are asked for while too few phrases are valid. */
const ANSWERS = 2;
/** First pause before a request is sent again; the next is twice as long. */
const PAUSE_MS = 500;
/** A hundred phrases have about 8 KB. */
const ANSWER_LIMIT = 1024 * 1024;

const usage = (what: string) => fail('ADC_USAGE', { what, command: 'adclick prompts generate' });

/** Scheme, host and port of an address, as a browser compares them. */
const originOf = (address: string): string => new URL(address).origin;

/** Origins that the user allows project files to name. @throws ADC_USAGE for an entry that is no address. */
function allowedOrigins(list: string): Set<string> {
  const addresses = list.split(/[\s,]+/).filter((address) => address !== '');
  if (!addresses.every(isServerAddress)) throw usage(`each of ADCLICK_LLM_ALLOW ${SERVER_ADDRESS}`);
  return new Set(addresses.map(originOf));
}

/** A key that can stand in a header; one that cannot would be repeated by the error that says so. */
function keyOf(environment: NodeJS.ProcessEnv): string | undefined {
  const key = environment.ADCLICK_LLM_KEY?.trim();
  if (key && !/^[\x21-\x7e]+$/.test(key))
    throw usage('ADCLICK_LLM_KEY must be one word of letters, digits and signs of ASCII');
  return key || undefined;
}

/**
 * The language model of a project: `languageModel` of adclick.yaml, overridden by ADCLICK_LLM_URL and ADCLICK_LLM_MODEL; the key
 * comes from ADCLICK_LLM_KEY alone, so that no project file holds one.
 *
 * A project file may come from anybody. An address that it alone names is asked only on this computer, and never gets the key; the
 * user allows others, and the key for them, by their origins in ADCLICK_LLM_ALLOW.
 * @returns undefined where none is named.
 * @throws ADC_USAGE when the environment names half of one, an address that is none, or a key that cannot be sent.
 */
export function languageModelOf(
  { languageModel }: Pick<ProjectSettings, 'languageModel'>,
  environment: NodeJS.ProcessEnv = process.env,
): LanguageModelSettings | undefined {
  const baseURL = environment.ADCLICK_LLM_URL || languageModel?.baseURL;
  const model = environment.ADCLICK_LLM_MODEL || languageModel?.model;
  if (!baseURL && !model) return undefined;
  if (!baseURL || !model) throw usage('ADCLICK_LLM_URL and ADCLICK_LLM_MODEL go together');
  if (!isServerAddress(baseURL)) throw usage(`ADCLICK_LLM_URL ${SERVER_ADDRESS}`);
  const trusted =
    Boolean(environment.ADCLICK_LLM_URL) || allowedOrigins(environment.ADCLICK_LLM_ALLOW ?? '').has(originOf(baseURL));
  const key = keyOf(environment);
  return {
    baseURL,
    model,
    timeout: languageModel?.timeout ?? DEFAULT_TIMEOUT,
    allowed: trusted || isLoopback(new URL(baseURL).hostname),
    ...(key !== undefined && (trusted ? { key } : { keyWithheld: true })),
  };
}

const refusal = (message: string) => Response.json({ error: { message } }, { status: 400 });

/**
 * Sends to one server and to no other that it names, and only what it needs: the client would add the system, versions, and headers
 * from variables that are meant for another server. Reads a body up to the limit, under the request's time-out; the client itself
 * would wait for a stalled body for ever.
 */
function fetchFrom({ baseURL, key }: LanguageModelSettings): typeof fetch {
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': `adclick/${VERSION}`,
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  };
  return async (input, init) => {
    const { method, body, signal } = init ?? {};
    const response = await fetch(input, { method, body, signal, headers, redirect: 'manual' });
    const onward = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && onward !== null) {
      const place = URL.canParse(onward, baseURL) ? originOf(new URL(onward, baseURL).href) : 'elsewhere';
      return refusal(`it sends requests on to ${place}; name the address that answers itself`);
    }
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of response.body ?? []) {
      bytes += part.length;
      if (bytes > ANSWER_LIMIT) return refusal(`its answer has more than ${ANSWER_LIMIT} bytes`);
      parts.push(part);
    }
    const empty = [204, 205, 304].includes(response.status);
    const { status, statusText, headers: answered } = response;
    return new Response(empty ? null : Buffer.concat(parts), { status, statusText, headers: answered });
  };
}

/** Sends one request. @throws Passing for what may go by, Error with a reason for what will not. */
async function request(client: OpenAI, model: string, instruction: string, signal?: AbortSignal): Promise<string> {
  const { APIConnectionError, APIConnectionTimeoutError, APIError } = await import('openai');
  let answer: unknown;
  try {
    const messages = [{ role: 'user' as const, content: instruction }];
    answer = await client.chat.completions.create({ model, messages }, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof APIConnectionTimeoutError)
      throw new Passing(`no whole answer within ${client.timeout / 1000} s`, undefined, error);
    if (error instanceof APIConnectionError) throw new Passing(deepest(error), undefined, error);
    if (error instanceof APIError) {
      const { status, message } = error;
      if (status !== undefined && mayPass(status)) throw new Passing(short(message), wantedPause(error.headers), error);
      throw new Error(short(message), { cause: error });
    }
    throw new Passing('its answer is not JSON', undefined, error);
  }
  const shape = z.object({ choices: z.tuple([z.object({ message: z.object({ content: z.string() }) })], z.unknown()) });
  const { data } = shape.safeParse(answer);
  if (!data) throw new Passing('its answer is no chat completion with text');
  return data.choices[0].message.content;
}

/** Sends a request until it is answered: {@link TRIES} times, with growing pauses or those that the server asks for. */
async function requestPatiently(client: OpenAI, model: string, instruction: string, signal?: AbortSignal) {
  for (let failures = 1; ; failures++) {
    try {
      return await request(client, model, instruction, signal);
    } catch (error) {
      if (!(error instanceof Passing) || failures >= TRIES) throw error;
      const pause = error.pauseMs ?? PAUSE_MS * 2 ** (failures - 1);
      if (pause > LONGEST_PAUSE_MS) throw error;
      await sleep(pause, undefined, { signal });
    }
  }
}

const phrasesSchema = z.record(z.string(), z.record(z.string(), z.array(z.unknown())));

/**
 * The phrases of an answer's text: JSON `{object: {defect: [phrases]}}`, alone, in a fenced block or with sentences around it.
 * Models rewrite names, so the one list that is there counts, whatever its keys.
 * @returns undefined when there is no such JSON, or more than one list and none under the names that were asked for.
 */
export function phrasesIn(text: string, defect: string, object: string): readonly unknown[] | undefined {
  const inner = /```(?:json)?([\s\S]*?)```/i.exec(text)?.[1] ?? text;
  const [from, to] = [inner.indexOf('{'), inner.lastIndexOf('}')];
  if (from < 0 || to < from) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(inner.slice(from, to + 1));
  } catch {
    return undefined;
  }
  const { data } = phrasesSchema.safeParse(json);
  const lists = Object.values(data ?? {}).flatMap((types) => Object.values(types));
  return data?.[object]?.[defect] ?? (lists.length === 1 ? lists[0] : undefined);
}

/**
 * Asks for prompts of one defect type, again when fewer than {@link PROMPTS} are valid.
 * @throws ADC_LANGUAGE_MODEL_ADDRESS when the user has not allowed the address; ADC_LANGUAGE_MODEL when no answer came that could be
 * read, or no phrase in it is valid; the signal's reason when stopped.
 */
export async function askForPrompts(
  settings: LanguageModelSettings,
  defect: string,
  object: string,
  signal?: AbortSignal,
): Promise<ModelPrompts> {
  const { baseURL, model, timeout } = settings;
  if (!settings.allowed) throw fail('ADC_LANGUAGE_MODEL_ADDRESS', { origin: originOf(baseURL), model });
  const { default: OpenAI } = await import('openai');
  // The client wants a key of its own; fetchFrom sends the right one or none.
  const options = { baseURL, apiKey: 'none', timeout: timeout * 1000, maxRetries: 0, fetch: fetchFrom(settings) };
  const client = new OpenAI({ ...options, logLevel: 'off' });
  const instruction = promptInstruction(defect, object, PROMPTS_ASKED);
  const phrases = new Set<string>();
  let dropped = 0;
  let reason = '';
  try {
    for (let answers = 0; answers < ANSWERS && phrases.size < PROMPTS; answers++) {
      const text = await requestPatiently(client, model, instruction, signal);
      const found = phrasesIn(text, defect, object);
      if (!found) reason = `its answer holds no JSON of phrases: ${JSON.stringify(short(text).slice(0, 60))}`;
      for (const phrase of found ?? []) {
        const tidy = typeof phrase === 'string' ? phrase.trim().replace(/\s+/g, ' ') : '';
        const fault = generatedPromptFault(tidy, object);
        if (fault === undefined && !phrases.has(tidy)) phrases.add(tidy);
        else dropped++;
        if (fault !== undefined) reason = `of ${dropped} phrases none can be used; of the last, ${fault}`;
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    // What an earlier answer gave is worth keeping.
    if (phrases.size === 0) {
      const said = error instanceof Error ? error.message : String(error);
      const withheld = `; the key was not sent, ADCLICK_LLM_ALLOW=${originOf(baseURL)} sends it there`;
      const what = settings.keyWithheld && /^40[13]\b/.test(said) ? `${said}${withheld}` : said;
      throw fail('ADC_LANGUAGE_MODEL', { model, url: baseURL, what }, error);
    }
  }
  if (phrases.size === 0)
    throw fail('ADC_LANGUAGE_MODEL', { model, url: baseURL, what: reason || 'its list of phrases is empty' });
  return { phrases: [...phrases], dropped };
}
