/** A server on a port of its own, in this process, that asks people to log in. */
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { API } from '../../src/api.ts';
import { type AppOptions, createApp } from '../../src/server/app.ts';
import { makeProject, openStudio } from '../sample.ts';

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
