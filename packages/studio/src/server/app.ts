/** The HTTP server of a project: plugins, checks and routes put together. */
import type { CodedError } from '@adclick/ortgrad';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { API } from '../api.ts';
import { fail } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { VERSION } from '../version.ts';
import { addFailures, errorBody } from './http/failures.ts';
import { addSecurity } from './http/security.ts';
import { toOpenApi, validatorCompiler } from './http/validation.ts';
import { addActions } from './routes/actions.ts';
import { addDetect } from './routes/detect.ts';
import { addDetectors } from './routes/detectors.ts';
import { addImages } from './routes/images.ts';
import { addJobs } from './routes/jobs.ts';
import { addLogin } from './routes/login.ts';
import { addPage } from './routes/page.ts';
import { addProject } from './routes/project.ts';
import { addPrompts } from './routes/prompts.ts';

export interface AppOptions {
  /** Address that the server will listen on; decides which host names are answered. */
  readonly host?: string;
  /** Whether people have to log in; default: false, for loopback. */
  readonly users?: boolean;
  /** Name of the person at this computer. */
  readonly localUser?: string;
  /** Folder of the built page. */
  readonly page?: string;
  /** Told about failures of our own, which clients see as 5xx. */
  readonly onFailure?: (error: CodedError) => void;
}

/** Bytes of a request, but for actions, whose bitmaps may be large. */
const BODY_LIMIT = 256 * 1024;
/** Requests a minute from one address, where people have to log in. A page that is scrolled loads many thumbnails. */
const RATE = 3_000;

/** Makes the server; the caller lets it listen and closes it. */
export async function createApp(studio: Studio, options: AppOptions = {}): Promise<FastifyInstance> {
  const { host = '127.0.0.1', users = false, localUser = 'local', onFailure = () => undefined } = options;
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error, _request, reply) => {
      const what = error.message.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
      const body = errorBody(fail('ADC_REQUEST', { field: 'path', what }, error), studio.project.root);
      (reply as unknown as FastifyReply).code(400).send(body);
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  addFailures(app, studio, onFailure);
  await app.register(cookie);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        // Masks are drawn from memory; styles of positioned elements are attributes.
        imgSrc: ["'self'", 'blob:', 'data:'],
        styleSrc: ["'self'", "'unsafe-inline'"],
        workerSrc: ["'self'", 'blob:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // The server speaks HTTP; a browser that were told to insist on HTTPS would lock people out.
    strictTransportSecurity: false,
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
  });
  if (users) await app.register(rateLimit, { max: RATE, timeWindow: '1 minute' });
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'ADClick', version: VERSION, description: 'Labelling the defects of a project.' },
    },
    transform: ({ schema, url }) => ({ schema: schema ? toOpenApi(schema) : schema, url }),
  });
  addSecurity(app, { host, users: users ? studio.store.users : undefined, localUser });
  await app.register(
    async (api) => {
      addProject(api, studio);
      addImages(api, studio);
      addActions(api, studio);
      addJobs(api, studio);
      await api.register(async (scope) => addDetect(scope, studio));
      addDetectors(api, studio);
      addPrompts(api, studio);
      addLogin(api, studio, users);
      api.get('/openapi.json', { schema: { hide: true }, config: { open: true } }, async () => app.swagger());
    },
    { prefix: API },
  );
  await addPage(app, studio.project.root, options.page);
  return app;
}
