/** Routes of prompts: those that are kept, and changing them. Writing new ones is a job. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import * as api from '../../api.ts';
import type { Studio } from '../../studio.ts';
import { route } from './project.ts';

const tags = ['prompts'];
const refusals = { 404: api.apiError, 422: api.apiError };

export function addPrompts(app: FastifyInstance, { prompts, categories }: Studio): void {
  app.get<{ Querystring: z.infer<typeof api.promptQuery> }>(
    '/prompts',
    {
      schema: route({
        summary: 'Prompts by category and defect type',
        tags,
        querystring: api.promptQuery,
        answers: { 200: api.prompts, ...refusals },
      }),
    },
    async ({ query }) => {
      categories.expect(query.category);
      return { prompts: await prompts.list(query.category, query.type), model: prompts.model?.model ?? null };
    },
  );

  app.post<{ Body: z.infer<typeof api.promptEdit> }>(
    '/prompts',
    {
      schema: route({
        summary: 'Add and delete prompts of a defect type, all of them or none',
        tags,
        body: api.promptEdit,
        answers: { 200: api.promptSet, ...refusals },
      }),
    },
    async ({ body }) => {
      categories.expect(body.category);
      return prompts.edit(body.type, body, body.category);
    },
  );
}
