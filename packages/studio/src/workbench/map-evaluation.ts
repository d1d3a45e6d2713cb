/** Evaluating anomaly maps that lie in a folder, whoever made them, on a category with known masks. */
import { join } from 'node:path';
import { pictureName } from '@adclick/core/datasets';
import {
  detectionItems,
  evaluateDetection,
  foldersMaps,
  type MapAnswer,
  MapFolder,
  mapFigures,
  renderDetectionReport,
} from '@adclick/core/evaluation';
import { writeFileAtomic } from '@adclick/core/files';
import { resizePlane } from '@adclick/core/image';
import { counted } from '../api.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { type TestRequest, testPictures } from './test-pictures.ts';

/** What is to be evaluated. */
export interface MapEvaluationRequest extends TestRequest {
  /** Folder of the category's maps, or of those of several categories. */
  readonly maps: string;
  /** HTML file to write. */
  readonly report?: string;
}

/** What somebody should know who compares figures of maps; sentences. */
function notesOf(
  maps: readonly { readonly size: string; readonly most: number; readonly own: boolean }[],
  scored: MapAnswer['maps']['scores'],
): string[] {
  const resized = maps.filter(({ own }) => !own);
  const sizes = [...new Set(resized.map(({ size }) => size))];
  const notes: string[] = [];
  if (resized.length > 0)
    notes.push(
      `${counted(resized.length, 'map')} of ${sizes.slice(0, 3).join(', ')}${sizes.length > 3 ? ' …' : ''} pixels brought to the size of the masks: bilinearly where a side grows, by area where it shrinks.`,
    );
  if (scored === 'maximum') {
    notes.push("A picture's score is the largest value of its map.");
    if (maps.length > 1 && maps.every(({ most }) => most === maps[0].most))
      notes.push(
        `Every map reaches ${maps[0].most}: where each was stretched by itself, values of different pictures cannot be compared, and these figures are not the method's.`,
      );
  }
  return notes;
}

/**
 * Measures the maps of a category's test pictures as {@link evaluateDetector} measures a detector's; writes the report where asked.
 * @throws ADC_DATASET, ADC_NO_NORMALS, ADC_NO_REGION, ADC_MAPS, ADC_MAP, ADC_MAP_SCORES, what reading pictures throws, ADC_DISK.
 */
export async function evaluateMaps(request: MapEvaluationRequest, work: WorkOptions = {}): Promise<MapAnswer> {
  const { data, report } = request;
  const { onProgress, signal } = work;
  const { dataset, shown, total } = await testPictures(request);
  const { category } = dataset;
  const wanted = [
    ...shown.testGood.map((path) => ({ type: 'good', name: pictureName(path) })),
    ...shown.defects.map(({ type, name }) => ({ type, name })),
  ];
  const folder = await MapFolder.open(request.maps, { dataset, root: join(data, request.category), wanted });
  const read: { size: string; most: number; own: boolean }[] = [];
  const evaluation = await evaluateDetection(
    detectionItems(shown),
    async (_, item) => {
      const { map, ...verdict } = await folder.read(item);
      const fitting = resizePlane(map, item.mask.width, item.mask.height);
      read.push({ size: `${map.width} x ${map.height}`, most: verdict.score, own: fitting === map });
      return { ...verdict, map: fitting };
    },
    {
      what: category,
      ...(report === undefined && { examples: 0 }),
      onImage: (_, done) => onProgress?.({ label: `reading maps of ${category}`, done, total }),
      signal,
    },
  );
  const answer: MapAnswer = {
    ...mapFigures(category, evaluation),
    maps: { folder: folder.path, resized: read.filter(({ own }) => !own).length, scores: folder.scored },
    pictures: evaluation.images.map(({ ms, ...image }) => image),
    notes: [...dataset.notes, ...notesOf(read, folder.scored)],
  };
  if (report) {
    const command = `adclick evaluate maps --data ${data} --category ${request.category} --maps ${request.maps}`;
    const page = await renderDetectionReport(evaluation, foldersMaps(answer, folder.threshold), command);
    await writeFileAtomic(report, new TextEncoder().encode(page));
  }
  return answer;
}
