/** Every failure as one JSON object with its ADC_… code and the right status; nothing of the inside leaks. */
import { CodedError } from '@adclick/ortgrad';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiError, Conflict } from '../../api.ts';
import { fail, toCoded } from '../../errors.ts';
import { StaleWrite } from '../../labels/label-service.ts';
import { log } from '../../log.ts';
import { forPage } from '../../page-errors.ts';
import type { Studio } from '../../studio.ts';

/** The body of an answer that says what went wrong. @param root folder of the project. */
export function errorBody(error: CodedError, root: string): ApiError {
  const field = error.code === 'ADC_REQUEST' ? String(error.details.field) : undefined;
  const { stored } = error.details;
  const { passing } = error;
  return {
    error: { ...forPage(error, root), ...(field !== undefined && { field }), ...(passing && { passing }) },
    ...(typeof stored === 'number' ? { stored } : {}),
  };
}

/** Fastify's own refusals in our words. */
function translate(error: FastifyError, bytes: number, requests: number): CodedError {
  if (error instanceof CodedError) return error;
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return fail('ADC_TOO_LARGE', { limit: bytes }, error);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return fail('ADC_REQUEST', { field: 'content-type', what: 'must be application/json' }, error);
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return fail('ADC_REQUEST', { field: 'body', what: 'is not JSON' }, error);
  }
  if (error.statusCode === 429) return fail('ADC_RATE', { limit: requests, what: 'requests' }, error);
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return fail('ADC_REQUEST', { field: 'request', what: error.message }, error);
  return toCoded(error);
}

/** Answers failures and unknown routes. @param owned throws why nothing may be acknowledged any more. */
export function addFailures(
  app: FastifyInstance,
  studio: Studio,
  note: (error: CodedError) => void,
  owned: () => Promise<void> = async () => undefined,
): void {
  const { root } = studio.project;
  app.setErrorHandler(async (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    if (error instanceof StaleWrite) {
      // A refusal does not wait for the masks of somebody else's clicks.
      const current = await studio.queue.standing(error.image);
      const { base } = request.body as { base: number };
      const coded = fail('ADC_CONFLICT', { id: error.image, current: current.version, base });
      return reply.code(409).send({ ...errorBody(coded, root), current } satisfies Conflict);
    }
    let coded = translate(error, request.routeOptions.bodyLimit ?? 0, Number(reply.getHeader('x-ratelimit-limit')));
    // To say that an action is stored is to acknowledge it.
    if (coded.details.stored !== undefined)
      await owned().catch((lost) => {
        coded = toCoded(lost);
      });
    if (coded.status >= 500) note(coded);
    // Refusals are told to whoever asked; a failure is ours.
    log[coded.status >= 500 ? 'error' : 'debug']({ err: coded }, 'request failed');
    return reply.code(coded.status).send(errorBody(coded, root));
  });
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?')[0]?.slice(0, 200) ?? '';
    return reply.code(404).send(errorBody(fail('ADC_NOT_FOUND', { what: `${request.method} ${path}` }), root));
  });
}
