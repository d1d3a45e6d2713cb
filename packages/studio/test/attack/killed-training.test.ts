/** What a training leaves that is killed at a random moment: a whole detector, and nothing that the next training trips over. */
import { Detector } from '@adclick/core';
import { expect, test, vi } from 'vitest';
import { trainSegmentation } from '../../src/detectors/training.ts';
import { openLabels } from '../../src/open-labels.ts';
import { categoriesOf } from '../../src/project/categories.ts';
import { recordOf, trainedDetector } from '../../src/project/detector-files.ts';
import { attack, makeProject } from './killing.ts';

/** Processes from source compile themselves first, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 600_000 });

test('training: the category has a whole detector, and the next training replaces it', async () => {
  const project = await makeProject();
  const { root } = project;
  const [{ name }] = categoriesOf(project);
  const path = trainedDetector(root, name);
  const after = async () => {
    const detector = await Detector.load(path);
    expect(detector.card.name).toBe(name);
    await detector.close();
  };
  const work = {
    after,
    async finish() {
      const open = (at: string) => openLabels(at, 'ada', 'training');
      await trainSegmentation(root, open, { unsupervised: true, steps: 2, seed: 1 });
      await after();
      expect((await recordOf(root, name, path))?.record).toMatchObject({ labels: 0 });
    },
  };
  await attack('train', project, work, 1);
});
