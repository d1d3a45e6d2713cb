/** Debian's nginx with HTTPS in front of a server; tests skip, and say so, where there is none. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

/** The name that the proxy is known by; it is never looked up. */
export const HOST = 'inspection.test';
/** Where on that host the page lies. */
export const PREFIX = '/adclick';

function find(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

const [nginx, openssl] = [find('nginx'), find('openssl')];

/** Why tests with a proxy do not run; undefined where they do. */
export const NO_NGINX =
  nginx && openssl
    ? undefined
    : 'No nginx or no openssl: the tests behind a proxy are skipped (apt-get install nginx-light openssl).';

/** A port that nobody uses. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Addresses of a proxy that is to be started. */
export interface ProxyPorts {
  /** Leaves the prefix on, and says which host was asked for. */
  readonly kept: number;
  /** Takes the prefix off, and says its own name for the server. */
  readonly stripped: number;
}

const forwarded = 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;';

const configuration = (folder: string, behind: string, { kept, stripped }: ProxyPorts) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 64m;
  ssl_certificate ${folder}/certificate.pem;
  ssl_certificate_key ${folder}/key.pem;
  gzip on;
  gzip_types text/event-stream application/json;
  server {
    listen 127.0.0.1:${kept} ssl;
    location ${PREFIX}/ {
      proxy_pass ${behind.replace(/\/$/, '')};
      proxy_set_header Host $http_host;
      ${forwarded}
    }
  }
  server {
    listen 127.0.0.1:${stripped} ssl;
    location ${PREFIX}/ {
      proxy_pass ${behind};
      ${forwarded}
    }
  }
}
`;

/** A request through the proxy. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Address of this computer that it comes from. */
  readonly from?: string;
  /** Host that is asked for; default: the proxy's. */
  readonly host?: string;
  readonly port?: number;
}

export interface RunningProxy {
  /** Asks for a path as a browser would, the certificate checked. The body is not read. */
  ask(path: string, asked?: Asked): Promise<IncomingMessage>;
  close(): Promise<void>;
}

/** Starts a proxy with a certificate of its own. @param behind address of the server. */
export async function startProxy(behind: string, ports: ProxyPorts): Promise<RunningProxy> {
  if (!nginx || !openssl) throw new Error(NO_NGINX);
  const folder = await mkdtemp(join(tmpdir(), 'adclick-nginx-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`];
  await promisify(execFile)(openssl, ['req', '-x509', ...curve, ...names, '-keyout', key, '-out', certificate]);
  await writeFile(join(folder, 'nginx.conf'), configuration(folder, behind, ports));
  const child = spawn(nginx, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], {
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const ca = await readFile(certificate);
  const ask: RunningProxy['ask'] = (path, { method = 'GET', headers = {}, body, from, host, port = ports.kept } = {}) =>
    new Promise((resolve, reject) => {
      const place = { host: '127.0.0.1', port, path, servername: HOST, ca, localAddress: from, agent: false };
      const json = body === undefined ? {} : { 'content-type': 'application/json' };
      const sent = request({ ...place, method, headers: { host: host ?? `${HOST}:${port}`, ...json, ...headers } });
      sent.on('response', resolve).on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const close = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries++) {
    const answer = await ask('/').catch(() => undefined);
    if (answer) return { ask, close };
    if (child.exitCode !== null || tries > 100) {
      const log = await readFile(join(folder, 'error.log'), 'utf8').catch(() => '');
      await close();
      throw new Error(`nginx does not answer: ${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The whole answer. */
export const bodyOf = (answer: IncomingMessage): Promise<string> => text(answer);
