/** Routes of detectors: what there is, training, following good images, bringing back the one before, what one finds in an image. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import * as api from '../../api.ts';
import type { Studio } from '../../studio.ts';
import { idParams, route } from './project.ts';

const tags = ['detection'];
const refusals = { 404: api.apiError, 409: api.apiError, 422: api.apiError };

export function addDetectors(app: FastifyInstance, studio: Studio): void {
  const { detectors } = studio;

  app.get(
    '/detectors',
    {
      schema: route({
        summary: 'Categories with the number of their labels, and the detectors trained on them',
        tags,
        answers: { 200: api.detectors },
      }),
    },
    async () => ({ detectors: await detectors.list() }),
  );

  app.post<{ Body: z.infer<typeof api.trainRequest> }>(
    '/detectors',
    {
      schema: route({
        summary:
          'Train a detector on the labels of a category, as a job; it replaces the one before when it has succeeded',
        tags,
        body: api.trainRequest,
        answers: { 202: api.job, ...refusals },
      }),
    },
    async (request, reply) => reply.code(202).send(await detectors.train(request.body)),
  );

  app.post<{ Body: z.infer<typeof api.adaptRequest> }>(
    '/detectors/adapt',
    {
      schema: route({
        summary:
          'Take the images that are marked as having no defect as good, as a job: the thresholds of their detector follow them',
        tags,
        body: api.adaptRequest,
        answers: { 202: api.job, ...refusals },
      }),
    },
    async (request, reply) => reply.code(202).send(await detectors.adapt(request.body.category)),
  );

  app.post<{ Body: z.infer<typeof api.restoreRequest> }>(
    '/detectors/restore',
    {
      schema: route({
        summary: 'Let the newest detector and the one before it change places',
        tags,
        body: api.restoreRequest,
        answers: { 200: api.detectorEntry, ...refusals },
      }),
    },
    async (request) => detectors.restore(request.body.category),
  );

  app.get<{ Params: z.infer<typeof idParams>; Querystring: z.infer<typeof api.detectionQuery> }>(
    '/images/:id/detection',
    {
      schema: route({
        summary: 'What a detector of its category finds in an image',
        tags,
        params: idParams,
        querystring: api.detectionQuery,
        answers: { 200: api.imageDetection, 404: api.apiError, 422: api.apiError },
      }),
    },
    async (request) => studio.inspect(request.params.id, request.query.by),
  );
}
