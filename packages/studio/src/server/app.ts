/** The HTTP server of a project: plugins, checks and routes put together. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { CodedError } from '@adclick/ortgrad';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { API } from '../api.ts';
import { fail } from '../errors.ts';
import { DEFAULT_TRUST, publicAddress, trustedProxies } from '../public-address.ts';
import type { Studio } from '../studio.ts';
import { VERSION } from '../version.ts';
import { addFailures, errorBody } from './http/failures.ts';
import { addLog } from './http/log-requests.ts';
import { addPace, PATIENCE, type Patience } from './http/pace.ts';
import { addSecurity } from './http/security.ts';
import { Streams } from './http/streams.ts';
import { COUNTED_ADDRESSES } from './http/tokens.ts';
import { serializerCompiler, toOpenApi, validatorCompiler } from './http/validation.ts';
import { addActions } from './routes/actions.ts';
import { addDetect } from './routes/detect.ts';
import { addDetectors } from './routes/detectors.ts';
import { addEvents } from './routes/events.ts';
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
  /** Address under which a proxy makes the server known; its path may be in the way of requests, or the proxy takes it off. */
  readonly publicUrl?: string | undefined;
  /** Addresses of proxies whose word on the client's address is taken; default: with a public address this computer, else none. */
  readonly trustProxy?: readonly string[] | undefined;
  /** Folder of the built page. */
  readonly page?: string;
  /** Milliseconds between heartbeats of event streams. */
  readonly heartbeat?: number;
  readonly patience?: Patience;
  /** Told about failures of our own, which clients see as 5xx. */
  readonly onFailure?: (error: CodedError) => void;
  /** Throws why the project is not this server's any more. Asked before and after whatever changes it, so that nothing is acknowledged then. */
  readonly owned?: () => Promise<void>;
  /** Refuse to send an answer that is not as api.ts says; default: from source, so in tests, but not in the bundle. */
  readonly strictAnswers?: boolean;
}

/** Bytes of a request, but for actions, whose bitmaps may be large. */
const BODY_LIMIT = 256 * 1024;
/** Requests a minute from one address, where people have to log in. A page that is scrolled loads many thumbnails. */
const RATE = 3_000;

/** A path without the prefix of the public address, for proxies that leave it on. */
const withoutPrefix = (url: string, prefix: string): string =>
  url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : url;

/** What only reads is answered by whoever still can. */
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

function addOwnership(app: FastifyInstance, owned: () => Promise<void>): void {
  app.addHook('preHandler', async ({ method }) => {
    if (!READS.has(method)) await owned();
  });
  app.addHook('onSend', async ({ method }, { statusCode }) => {
    if (!READS.has(method) && statusCode < 300) await owned();
  });
}

/** Makes the server; the caller lets it listen and closes it. */
export async function createApp(studio: Studio, options: AppOptions = {}): Promise<FastifyInstance> {
  const { host = '127.0.0.1', users = false, localUser = 'local', onFailure = () => undefined, owned } = options;
  const { strictAnswers = import.meta.url.endsWith('.ts'), patience = PATIENCE } = options;
  const at = options.publicUrl === undefined ? undefined : publicAddress(options.publicUrl);
  const trusted = trustedProxies(options.trustProxy ?? (at ? DEFAULT_TRUST : []));
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    // Ours, whose lines hold no address with what was searched for; see log-requests.ts.
    logger: false,
    genReqId: () => randomUUID(),
    forceCloseConnections: true,
    http: { headersTimeout: patience.head, connectionsCheckingInterval: Math.ceil(patience.head / 4) },
    trustProxy: trusted.length > 0 ? [...trusted] : false,
    ...(at?.prefix ? { rewriteUrl: ({ url = '/' }: IncomingMessage) => withoutPrefix(url, at.prefix) } : {}),
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error, _request, reply) => {
      const what = error.message.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
      const body = errorBody(fail('ADC_REQUEST', { field: 'path', what }, error), studio.project.root);
      (reply as unknown as FastifyReply).code(400).send(body);
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler(strictAnswers));
  addLog(app);
  addFailures(app, studio, onFailure, owned);
  addPace(app, studio.project.root, patience);
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
  if (users) {
    await app.register(rateLimit, { global: false, max: RATE, timeWindow: '1 minute', cache: COUNTED_ADDRESSES });
    // Before the checks of who asks: what they refuse is counted too.
    app.addHook('onRequest', app.rateLimit());
  }
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'ADClick', version: VERSION, description: 'Labelling the defects of a project.' },
      ...(at ? { servers: [{ url: at.href.slice(0, -1) }] } : {}),
    },
    transform: ({ schema, url }) => ({ schema: schema ? toOpenApi(schema) : schema, url }),
  });
  if (owned) addOwnership(app, owned);
  addSecurity(app, { host, at, users: users ? studio.store.users : undefined, localUser });
  const streams = new Streams({ heartbeat: options.heartbeat });
  await app.register(
    async (api) => {
      addProject(api, studio);
      addImages(api, studio);
      addActions(api, studio);
      addJobs(api, studio);
      await api.register(async (scope) => addDetect(scope, studio));
      addDetectors(api, studio);
      addPrompts(api, studio);
      addEvents(api, studio, streams);
      addLogin(api, studio, { streams, at });
      api.get('/openapi.json', { schema: { hide: true }, config: { open: true } }, async () => app.swagger());
    },
    { prefix: API },
  );
  await addPage(app, studio.project.root, { folder: options.page, at });
  return app;
}
