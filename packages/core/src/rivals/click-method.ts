/** What the click evaluation asks of a method, whoever made it: a picture, then clicks on it, then a map. ADClick's labeler is one of them. */
import { CLICK_THRESHOLD } from '../clicks/annotator.ts';
import { type ImageClick, sameClick } from '../clicks/types.ts';
import type { Windows } from '../image/samples.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import type { Labeler } from '../inference/labeler.ts';

/** A picture as the evaluation hands it over. */
export interface ClickPicture {
  readonly image: RgbImage;
  /** Its file: a good picture of that file is not compared with. */
  readonly path: string;
  /** Defect type, by the dataset's own name. */
  readonly type: string;
}

/** A picture that is ready for clicks. */
export interface OpenPicture {
  /** Probability of defect at the picture's size after these clicks, in the order in which they were made. The same clicks give the same map. */
  predict(clicks: readonly ImageClick[]): Promise<Plane>;
  /** The same without the rules of a click, where there are such rules. */
  predictAsPaper?(clicks: readonly ImageClick[]): Promise<Plane>;
  close(): Promise<void>;
}

/** A way to get masks from clicks. */
export interface ClickMethod {
  /** Named in reports. */
  readonly name: string;
  readonly trainedOn: string | readonly string[];
  /** Probability above which it takes a pixel for defect. */
  readonly threshold: number;
  /** Windows that it sees pictures of more than 8 bits through. */
  readonly windows: Windows | undefined;
  open(picture: ClickPicture): Promise<OpenPicture>;
  close(): Promise<void>;
}

/** What rivals were trained on, of which their files say nothing. */
export const UNKNOWN = 'pictures that its files do not name';

/**
 * ADClick under the evaluation. Closing it closes the labeler.
 * @param prompt whose prompts guide the model: `type` those of each picture's own defect type, `none` nobody's, else those of the type
 *   that is named, whatever the picture shows.
 */
export function labelerMethod(labeler: Labeler, prompt: string): ClickMethod {
  const { name, trainedOn } = labeler.weights;
  return {
    ...{ name, trainedOn },
    threshold: CLICK_THRESHOLD,
    windows: labeler.windows,
    open: async ({ image, path, type }) => {
      const view = await labeler.open(image, { exclude: [path] });
      const defect = prompt === 'type' ? type : prompt === 'none' ? undefined : prompt;
      return {
        predict: (clicks) => view.predict({ clicks, defect }),
        predictAsPaper: (clicks) => view.predict({ clicks, defect, rules: false }),
        close: () => view.close(),
      };
    },
    close: () => labeler.close(),
  };
}

/** What a method does for one more click on a picture, and how it begins again. */
export interface Stepwise {
  /** Forgets all clicks. */
  begin(): void;
  /** The map after one more click than before. */
  step(clicks: readonly ImageClick[]): Promise<Plane>;
}

/**
 * For methods that go on from their last map: clicks that others begin with are taken on from there, and after any others all are made
 * again, so that a map depends on its clicks alone.
 */
export function replayed(method: Stepwise): OpenPicture['predict'] {
  let made: readonly ImageClick[] = [];
  let last: Plane | undefined;
  return async (clicks) => {
    const goesOn = last && clicks.length >= made.length && made.every((click, i) => sameClick(click, clicks[i]));
    if (!goesOn) {
      method.begin();
      made = [];
      last = undefined;
    }
    for (let count = made.length + 1; count <= clicks.length; count++) {
      const upTo = clicks.slice(0, count);
      last = await method.step(upTo);
      made = upTo;
    }
    if (!last) throw new RangeError('a map needs a click');
    return last;
  };
}
