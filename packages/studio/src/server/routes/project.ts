/** Routes of the project as a whole: health, what it is, defect types, statistics. */
import type { FastifyInstance, FastifySchema } from 'fastify';
import { z } from 'zod';
import * as api from '../../api.ts';
import { statisticsOf } from '../../labels/statistics.ts';
import type { Studio } from '../../studio.ts';
import { VERSION } from '../../version.ts';
import { jsonAnswers, type ZodRouteSchema } from '../http/validation.ts';

/** A route's schema for fastify, which does not know zod; its answers are what fastify serialises. */
export const route = (schema: ZodRouteSchema): FastifySchema =>
  ({ ...schema, response: jsonAnswers(schema) }) as unknown as FastifySchema;

export const idParams = z.strictObject({ id: z.coerce.number().int().min(1).max(2_147_483_647) });

const tags = ['project'];

export function addProject(app: FastifyInstance, studio: Studio): void {
  app.get(
    '/health',
    {
      schema: route({ summary: 'Whether the server answers', tags, answers: { 200: api.health } }),
      config: { open: true },
    },
    async () => ({ ok: true, version: VERSION }),
  );

  app.get(
    '/project',
    { schema: route({ summary: 'The project, its categories and defect types', tags, answers: { 200: api.project } }) },
    async (request) => studio.catalogue.info(request.user),
  );

  app.get('/types', { schema: route({ summary: 'Defect types', tags, answers: { 200: api.types } }) }, async () => ({
    types: await studio.store.types.list(),
  }));

  app.post<{ Body: z.infer<typeof api.typeDraft> }>(
    '/types',
    {
      schema: route({
        summary: 'Add a defect type',
        tags,
        body: api.typeDraft,
        answers: { 201: api.defectType, 409: api.apiError, 422: api.apiError },
      }),
    },
    async (request, reply) => reply.code(201).send(await studio.types.add(request.body.name, request.body.colour)),
  );

  app.patch<{ Params: z.infer<typeof idParams>; Body: z.infer<typeof api.typePatch> }>(
    '/types/:id',
    {
      schema: route({
        summary: 'Rename, recolour or archive a defect type',
        tags,
        params: idParams,
        body: api.typePatch,
        answers: { 200: api.defectType, 404: api.apiError, 409: api.apiError, 422: api.apiError },
      }),
    },
    async (request) => studio.types.change(request.params.id, request.body),
  );

  app.get(
    '/statistics',
    { schema: route({ summary: 'Figures of the work so far', tags, answers: { 200: api.statistics } }) },
    async () => statisticsOf(studio.store.statistics),
  );
}
