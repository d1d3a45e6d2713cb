/** The table of everything that can go wrong for a user of core; docs/errors.md lists each code with cause and mend. */
import { type ErrorSpec, errorMaker, ORTGRAD_ERRORS } from '@adclick/ortgrad';

export const CORE_ERRORS = {
  ...ORTGRAD_ERRORS,
  ADC_IMAGE_MISSING: {
    message: 'No image at {path}',
    next: 'Check the path.',
    exit: 1,
    status: 404,
  },
  ADC_IMAGE_EMPTY: {
    message: 'Image {path} has zero bytes',
    next: 'Copy the file again from its source.',
    exit: 1,
    status: 422,
  },
  ADC_IMAGE_UNREADABLE: {
    message: 'Image {path} cannot be decoded: {what}',
    next: 'Open it in another program and save it again as PNG, JPEG, TIFF, BMP or WebP.',
    exit: 1,
    status: 422,
  },
  ADC_IMAGE_TRUNCATED: {
    message: 'Image {path} ends too early: {what}',
    next: 'Copy the file again from its source.',
    exit: 1,
    status: 422,
  },
  ADC_IMAGE_TOO_LARGE: {
    message: 'Image {path} has {pixels} pixels; the limit is {limit}',
    next: 'Cut it into tiles or shrink it below the limit.',
    exit: 1,
    status: 413,
  },
  ADC_IMAGE_RANGE: {
    message:
      'Image {path} holds {got}, the good pictures hold {want}: which values are black and white in it is not known',
    next: 'Save it as the good pictures are, or add good pictures of its kind and run `adclick index` again.',
    page: 'Save it as the good pictures are, or add good pictures of its kind and press “Look at new good pictures” under Import, export and background work (Shift+E).',
    exit: 1,
    status: 422,
  },
  ADC_MASK_SIZE: {
    message: 'Mask {path} is {got} but its image is {want}',
    next: 'Export the mask again at the size of its image.',
    exit: 1,
    status: 422,
  },
  ADC_MASK_VALUES: {
    message: 'Which pixels the mask {path} marks cannot be told: {what}',
    next: 'Export it again as PNG, with 0 and 255 or with a number for each class.',
    exit: 1,
    status: 422,
  },
  ADC_NO_NORMALS: {
    message: 'No good pictures in {path}',
    next: 'Put at least two pictures without defects into train/good.',
    page: "Put at least two pictures without defects into one of the project's folders of good pictures, then press “Look at new good pictures” under Import, export and background work (Shift+E).",
    exit: 1,
    status: 422,
  },
  ADC_ONE_NORMAL: {
    message: 'Only {count} good picture in {path}; at least 2 are needed to learn how much normal pictures differ',
    next: 'Add pictures without defects to train/good; 30 are plenty.',
    page: "Add pictures without defects to the project's folders of good pictures, then press “Look at new good pictures” under Import, export and background work (Shift+E); 30 are plenty.",
    exit: 1,
    status: 422,
  },
  ADC_CLICK_OUTSIDE: {
    message: 'Click {x},{y} lies outside the image of {width} x {height}',
    next: 'Give pixel coordinates of the upright original, x from 0 to width-1 and y from 0 to height-1.',
    exit: 2,
    status: 422,
  },
  ADC_INDEX_MISSING: {
    message: 'No reference index at {path}',
    next: 'Run `adclick index` first.',
    page: 'Press “Look at new good pictures” under Import, export and background work (Shift+E).',
    exit: 1,
    status: 404,
  },
  ADC_INDEX_DAMAGED: {
    message: 'Reference index {path} cannot be used: {what}',
    next: 'Run `adclick index` again; it makes anew what does not fit.',
    page: 'Press “Look at new good pictures” under Import, export and background work (Shift+E); it makes anew what does not fit.',
    exit: 1,
    status: 422,
  },
  ADC_DISK: {
    message: 'Writing {path} failed: {what}',
    next: 'Free some disk space or choose another folder; what was there before is unchanged.',
    page: 'Whoever keeps this project has to make room on its disk, or give the server the right to write there; what was there before is unchanged.',
    exit: 1,
    status: 507,
  },
  ADC_DATASET: {
    message: 'Data folder {path}: {what}',
    next: 'Lay it out as DIR/<category>/{train/good,test/<type>,ground_truth/<type>/<name>_mask.png}.',
    exit: 1,
    status: 422,
  },
  ADC_WEIGHTS_KIND: {
    message: 'Weights {path} are for {got}, not for {want}',
    next: 'Give weights that match; `adclick models list` shows them.',
    page: 'Whoever keeps this project has to name weights in adclick.yaml that match.',
    exit: 1,
    status: 422,
  },
  ADC_DETECTOR_MISSING: {
    message: 'No detector at {path}',
    next: 'Check the path; `adclick predict` makes a detector for a project that has none.',
    page: 'Train one: Shift+D.',
    exit: 1,
    status: 404,
  },
  ADC_DETECTOR_DAMAGED: {
    message: 'Detector file {path} cannot be read: {what}',
    next: 'Copy the file again from its source, or build the detector again.',
    page: 'Train the detector again, or bring back the one before: Shift+D.',
    exit: 1,
    status: 422,
  },
  ADC_DETECTOR_KIND: {
    message: 'File {path} is {got}; this ADClick reads {want}',
    next: 'Give a detector file (.onnx) of that version, or build the detector again with this ADClick.',
    page: 'Train the detector again, or bring back the one before: Shift+D.',
    exit: 1,
    status: 422,
  },
  ADC_LABELS: {
    message: 'Labels cannot train a detector: {what}',
    next: 'Label at least two pictures with defects; ten are usual. Good pictures alone make a detector too: `adclick predict`.',
    page: 'Label at least two images with defects; ten are usual.',
    exit: 1,
    status: 422,
  },
  ADC_PROMPT_NAME: {
    message: 'No prompts can be made for {kind} {name}: {what}',
    next: 'Give it a short English name such as "scratch", or write its prompts by hand with `adclick prompts edit`.',
    page: 'Give it a short English name such as "scratch", or add prompts of your own.',
    exit: 1,
    status: 422,
  },
  ADC_NO_REGION: {
    message: 'No {missing} in {what}: AP, PRO and AUROC are undefined',
    next: 'Evaluate on images with at least one marked defect and one good pixel.',
    exit: 1,
    status: 422,
  },
} as const satisfies Record<string, ErrorSpec>;

/** Makes a {@link CodedError} of core's table: `throw fail('ADC_IMAGE_EMPTY', { path })`. */
export const fail = errorMaker(CORE_ERRORS);
