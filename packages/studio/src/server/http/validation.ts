/** Zod schemas as fastify's validators, serialisers and OpenAPI, so that api.ts is the only place that says what requests and answers hold. */
import type { FastifySchema, FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify';
import { z } from 'zod';
import { fail } from '../../errors.ts';

/** A route's schema with zod inside. */
export interface ZodRouteSchema {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly params?: z.ZodType;
  readonly querystring?: z.ZodType;
  readonly body?: z.ZodType;
  /** Answers by status; text instead of a schema describes one that is not JSON. */
  readonly answers: Readonly<Record<number, z.ZodType | string>>;
}

/** Deepest wrong field of an issue; of a union, that of the variant that was meant. */
function locate(issue: z.core.$ZodIssue): { path: PropertyKey[]; what: string } {
  if (issue.code === 'unrecognized_keys')
    return { path: [...issue.path, issue.keys[0]], what: 'there is no such field' };
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const deepest = issue.errors
      .flatMap((errors) => errors.slice(0, 1))
      .map((inner) => locate(inner))
      .sort((a, b) => b.path.length - a.path.length)[0];
    if (deepest && deepest.path.length > 0) return { path: [...issue.path, ...deepest.path], what: deepest.what };
  }
  return { path: [...issue.path], what: issue.message };
}

/** Checks a value. @param place "body", "query" or "path". @throws ADC_REQUEST naming the first field that does not fit. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown, place: string): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, what } = locate(result.error.issues[0]);
  const field = path.map(String).join('.') || place;
  throw fail('ADC_REQUEST', { field: field.slice(0, 200), what: what.slice(0, 300) });
}

const PLACES: Readonly<Record<string, string>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'headers',
};

/** Fastify's hook: compiles a zod schema to a check. */
export const validatorCompiler: FastifySchemaCompiler<FastifySchema> = ({ schema, httpPart }) => {
  const zod = schema as unknown as z.ZodType;
  return (value: unknown) => {
    try {
      return { value: check(zod, value, PLACES[httpPart ?? 'body'] ?? 'body') };
    } catch (error) {
      return { error: error as Error };
    }
  };
};

/**
 * Fastify's hook for answers: every one is written as its zod schema says.
 * @param strict refuse an answer that does not fit, which is a fault of ours: a field that is missing, or one too many. Reading a detail of
 *   200 regions once more takes longer than all of its route, so what users install trusts what tests have shown.
 */
export const serializerCompiler =
  (strict: boolean): FastifySerializerCompiler<FastifySchema> =>
  ({ schema, method, url }) =>
  (value: unknown) => {
    if (!strict) return JSON.stringify(value);
    const result = (schema as unknown as z.ZodType).safeParse(value);
    if (result.success) return JSON.stringify(value);
    const { path, what } = locate(result.error.issues[0]);
    throw fail('ADC_INTERNAL', {
      what: `answer of ${method} ${url}, ${path.map(String).join('.') || 'body'}: ${what}`,
    });
  };

/** Answers that are JSON, by status. */
export const jsonAnswers = ({ answers }: Pick<ZodRouteSchema, 'answers'>): Record<string, z.ZodType> =>
  Object.fromEntries(
    Object.entries(answers).flatMap(([status, answer]) => (typeof answer === 'string' ? [] : [[status, answer]])),
  );

const toJson = (schema: z.ZodType, io: 'input' | 'output') => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { target: 'draft-7', io, unrepresentable: 'any' });
  return json;
};

/** Zod inside a route's schema as JSON schema, for the OpenAPI document. */
export function toOpenApi(schema: FastifySchema): FastifySchema {
  const { summary, tags, params, querystring, body, answers } = schema as unknown as ZodRouteSchema;
  if (!answers) return schema;
  const response = Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [
      status,
      typeof answer === 'string'
        ? { description: answer, type: 'string', format: 'binary' }
        : { description: answer.description ?? 'Answer', ...toJson(answer, 'output') },
    ]),
  );
  return {
    summary,
    tags: [...tags],
    ...(params ? { params: toJson(params, 'input') } : {}),
    ...(querystring ? { querystring: toJson(querystring, 'input') } : {}),
    ...(body ? { body: toJson(body, 'input') } : {}),
    response,
  } as FastifySchema;
}
