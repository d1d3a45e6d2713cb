/** The folder of a project is deleted, moved or replaced while a studio has it open. */
import { rename, rm } from 'node:fs/promises';
import Database from 'libsql';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Action } from '../../src/api.ts';
import type { Predictor } from '../../src/labels/masks.ts';
import { createApp } from '../../src/server/app.ts';
import { databasePath } from '../../src/store/database-path.ts';
import { instantPredictor, makeProject, openStudio, squares } from '../sample.ts';

const click = (x: number, y: number): Action => ({ kind: 'click', type: 1, click: { x, y, positive: true } });
const GONE = { code: 'ADC_DATABASE_GONE', status: 503, passing: 'by itself' };

/** Number of events in a database, for those who have it not open. */
function eventsIn(root: string): number {
  const file = new Database(databasePath(root));
  try {
    return (file.prepare('select count(*) as events from events').get() as { events: number }).events;
  } finally {
    file.close();
  }
}

/** A studio with one click, and where its folder can be moved to. */
async function opened(predictor: Predictor = instantPredictor) {
  const project = await makeProject();
  const studio = await openStudio(project, { predictor });
  await studio.labels.act(1, { base: 0, action: click(3, 3) }, 'ada');
  const away = `${project.root}-away`;
  onTestFinished(() => rm(away, { recursive: true, force: true }));
  return { studio, root: project.root, away };
}

// Windows lets nobody move or delete a folder of which a file is open.
describe.skipIf(process.platform === 'win32')('nothing is acknowledged any more', () => {
  test('when the folder was moved; when it is back, work goes on', async () => {
    const { studio, root, away } = await opened();
    await rename(root, away);
    await expect(studio.labels.act(1, { base: 1, action: click(9, 3) }, 'ada')).rejects.toMatchObject(GONE);
    await expect(studio.types.add('hole', '#123456')).rejects.toMatchObject(GONE);
    expect(eventsIn(away)).toBe(1);
    await rename(away, root);
    const answer = await studio.labels.act(1, { base: 1, action: click(9, 3) }, 'ada');
    expect(answer).toMatchObject({ version: 2, superseded: false });
    expect(eventsIn(root)).toBe(2);
  });

  test('when the folder was deleted', async () => {
    const { studio, root } = await opened();
    await rm(root, { recursive: true });
    await expect(studio.labels.act(1, { base: 1, action: click(9, 3) }, 'ada')).rejects.toMatchObject(GONE);
    await expect(
      studio.labels.act(2, { base: 0, action: { kind: 'state', state: 'good' } }, 'ada'),
    ).rejects.toMatchObject(GONE);
  });

  test('when another folder took its place, which stays as it is', async () => {
    const { studio, root, away } = await opened();
    const other = await opened();
    await other.studio.labels.act(1, { base: 1, action: click(15, 8) }, 'bob');
    await other.studio.close();
    await rename(root, away);
    await rename(other.root, root);
    await expect(studio.labels.act(1, { base: 1, action: click(9, 3) }, 'ada')).rejects.toMatchObject(GONE);
    await studio.close();
    expect([eventsIn(root), eventsIn(away)]).toEqual([2, 1]);
  });

  test('when it happens while the model is asked, also over HTTP', async () => {
    let release = () => {};
    let held = false;
    const predictor: Predictor = {
      ...instantPredictor,
      predict: async (image, { clicks, threshold }) => {
        if (clicks.length > 1) {
          held = true;
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        }
        return squares(clicks, threshold, image);
      },
    };
    const { studio, root, away } = await opened(predictor);
    const app = await createApp(studio, { localUser: 'ada' });
    onTestFinished(() => app.close());
    const answer = app.inject({
      method: 'POST',
      url: '/api/v1/images/1/actions',
      headers: { host: 'localhost:4280' },
      payload: { base: 1, action: click(9, 3) },
    });
    // Sent when it is waited for.
    const sent = answer.then((response) => response);
    await vi.waitFor(() => expect(held).toBe(true));
    await rename(root, away);
    release();
    const { statusCode, body } = await sent;
    expect(statusCode).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'ADC_DATABASE_GONE' } });
    expect(body).not.toContain(away);
    expect(body).not.toContain(root);
  });
});
