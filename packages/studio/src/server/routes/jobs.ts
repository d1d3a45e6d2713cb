/** Long work: starting it, watching it, stopping it. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import * as api from '../../api.ts';
import { fail } from '../../errors.ts';
import type { Studio } from '../../studio.ts';
import { route } from './project.ts';

const tags = ['jobs'];
const jobParams = z.strictObject({ id: z.string().min(1).max(64) });

export function addJobs(app: FastifyInstance, studio: Studio): void {
  app.get(
    '/jobs',
    { schema: route({ summary: 'Jobs, newest first', tags, answers: { 200: api.jobs } }) },
    async () => ({ jobs: studio.jobs.list() }),
  );

  app.post<{ Body: z.infer<typeof api.jobRequest> }>(
    '/jobs',
    {
      schema: route({
        summary: 'Start a job',
        tags,
        body: api.jobRequest,
        answers: { 202: api.job, 404: api.apiError, 422: api.apiError },
      }),
    },
    async (request, reply) => reply.code(202).send(await studio.startJob(request.body, request.user)),
  );

  app.delete<{ Params: z.infer<typeof jobParams> }>(
    '/jobs/:id',
    {
      schema: route({
        summary: 'Stop a job; it ends at its next safe point',
        tags,
        params: jobParams,
        answers: { 202: api.job, 404: api.apiError },
      }),
    },
    async (request, reply) => {
      const job = studio.jobs.cancel(request.params.id);
      if (!job) throw fail('ADC_NOT_FOUND', { what: `job ${request.params.id}` });
      return reply.code(202).send(job);
    },
  );
}
