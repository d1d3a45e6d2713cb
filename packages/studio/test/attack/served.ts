/** Servers in this process: without a port, and on one of its own that asks people to log in. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import { API } from '../../src/api.ts';
import type { Project } from '../../src/project/project.ts';
import { type AppOptions, createApp } from '../../src/server/app.ts';
import { Studio } from '../../src/studio.ts';
import { instantPredictor, makeProject, openStudio } from '../sample.ts';

/** A server without a port, and without models, of a project that outlives the test. @returns it, and what closes it. */
export async function openApp(project: Project): Promise<{ app: FastifyInstance; close: () => Promise<void> }> {
  const studio = await Studio.open(project, { background: false, predictor: instantPredictor });
  const app = await createApp(studio);
  const close = async () => {
    await app.close();
    await studio.close();
  };
  return { app, close };
}

/** The server, and what asks it. @param options besides users, which there are. */
export async function serveApp(options: AppOptions = {}) {
  const studio = await openStudio(await makeProject());
  const app = await createApp(studio, { users: true, ...options });
  onTestFinished(() => app.close());
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const ask = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${port}${API}${path}`, init);
  const logIn = async (token: string): Promise<string> => {
    const response = await ask('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    });
    return response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  };
  const addUser = async (name: string): Promise<string> => {
    const token = await studio.store.users.add(name);
    if (token === undefined) throw new Error(`there is a ${name} already`);
    return token;
  };
  return { app, studio, port, ask, logIn, addUser, users: studio.store.users };
}
