/** The exchange formats by name. */
import type { Format as FormatName } from '../api.ts';
import { coco } from './coco.ts';
import { cvat } from './cvat.ts';
import { datumaro } from './datumaro.ts';
import type { Format } from './format.ts';
import { labelStudio } from './label-studio.ts';
import { labelme } from './labelme.ts';
import { mvtec } from './mvtec.ts';
import { voc } from './voc.ts';
import { yolo } from './yolo.ts';

export const EXCHANGE_FORMATS: Readonly<Record<FormatName, Format>> = {
  mvtec,
  coco,
  yolo,
  voc,
  labelstudio: labelStudio,
  cvat,
  datumaro,
  labelme,
};
