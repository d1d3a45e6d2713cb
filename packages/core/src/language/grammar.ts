/**
 * The offline grammar: many short phrases for one defect type, put together from synonyms, degrees, places and frames.
 * It stands in for the language model of Eq. 5 where none can be reached; its words are ours.
 */

/** What the grammar knows about a defect word. */
interface Entry {
  /** Words in a type's name that mean this. */
  readonly words: readonly string[];
  /** Things: "bottle with SCRATCH". A type's other words go before them ("inner insulation" + "cut"). */
  readonly things: readonly string[];
  /** States: "BROKEN bottle". A type's other words name the part that is in this state ("bent" + "wire"). */
  readonly states?: readonly string[];
}

/** Defect words of industrial inspection with others that inspectors use for the same. */
const LEXICON: readonly Entry[] = [
  {
    words: ['scratch', 'scratched', 'scratches', 'scrape', 'scuff'],
    things: ['scratch', 'scrape', 'scuff mark', 'score line', 'scratched area'],
  },
  {
    words: ['abrasion', 'abraded', 'rubbed', 'rub', 'wear', 'worn'],
    things: ['abrasion', 'rub mark', 'worn area', 'scuffed area', 'wear mark'],
  },
  {
    words: ['crack', 'cracked', 'cracks', 'fissure'],
    things: ['crack', 'hairline crack', 'fissure', 'fracture line', 'split'],
  },
  {
    words: ['dent', 'dented', 'ding', 'dimple'],
    things: ['dent', 'dented area', 'dimple', 'impact mark', 'pressed-in spot'],
  },
  { words: ['bump', 'bulge', 'bulged', 'convex'], things: ['bump', 'bulge', 'raised area', 'swelling', 'raised spot'] },
  {
    words: ['stain', 'stained', 'spot', 'spots', 'mark', 'smudge', 'dirt', 'dirty'],
    things: ['stain', 'spot', 'smudge', 'dirty area', 'discoloured patch'],
  },
  {
    words: ['contamination', 'contaminated', 'contaminant', 'impurity', 'particle', 'foreign', 'debris', 'dust'],
    things: ['contamination', 'foreign particle', 'foreign matter', 'residue', 'speck of debris'],
  },
  {
    words: ['hole', 'holes', 'perforation', 'puncture'],
    things: ['hole', 'puncture', 'perforation', 'small opening', 'pierced spot'],
  },
  { words: ['pinhole', 'pinholes'], things: ['pinhole', 'tiny hole', 'pin-sized hole', 'pore', 'tiny puncture'] },
  {
    words: ['pit', 'pits', 'pitting', 'pitted'],
    things: ['pitting', 'pits', 'pitted area', 'small cavities', 'pockmarks'],
  },
  {
    words: ['blowhole', 'porosity', 'pore', 'pores', 'void', 'cavity'],
    things: ['blowhole', 'gas pore', 'porosity', 'casting void', 'cavity'],
  },
  { words: ['cut', 'cuts', 'slit', 'gash', 'slash'], things: ['cut', 'slit', 'gash', 'incision', 'sliced area'] },
  { words: ['tear', 'torn', 'rip', 'ripped'], things: ['tear', 'rip', 'torn area', 'ragged tear', 'split'] },
  {
    words: ['poke', 'poked', 'stab', 'prick'],
    things: ['poke mark', 'prick mark', 'poked hole', 'puncture', 'stab mark'],
  },
  {
    words: ['squeeze', 'squeezed', 'crushed', 'crush', 'squashed'],
    things: ['squeeze mark', 'crushed area', 'pinched area', 'deformation', 'compression mark'],
    states: ['squeezed', 'crushed', 'squashed', 'pinched', 'deformed'],
  },
  {
    words: ['bent', 'bend', 'bending', 'warp', 'warped', 'twisted', 'deformed', 'deformation'],
    things: ['bend', 'deformation', 'kink', 'distortion', 'bent area'],
    states: ['bent', 'deformed', 'crooked', 'kinked', 'warped'],
  },
  {
    words: ['broken', 'break', 'breakage', 'fracture', 'fractured', 'damaged', 'damage', 'shattered'],
    things: ['breakage', 'fracture', 'broken area', 'structural damage', 'broken piece'],
    states: ['broken', 'fractured', 'damaged', 'shattered', 'snapped'],
  },
  {
    words: ['split'],
    things: ['split', 'gap', 'separation', 'crevice', 'parted area'],
    states: ['split', 'parted', 'cracked', 'separated', 'divided'],
  },
  {
    words: ['thread', 'threads', 'string', 'yarn'],
    things: ['thread flaw', 'loose thread', 'irregular thread', 'damaged thread', 'thread residue'],
  },
  {
    words: ['fibre', 'fiber', 'fibres', 'fibers', 'hair', 'lint', 'fuzz'],
    things: ['fibre', 'stray fibre', 'hair', 'lint', 'loose strand'],
  },
  {
    words: ['fray', 'frayed', 'fraying'],
    things: ['fraying', 'frayed area', 'loose strands', 'unravelled area', 'ragged edge'],
    states: ['frayed', 'unravelled', 'ragged', 'tattered', 'worn'],
  },
  {
    words: ['missing', 'absent', 'lack', 'incomplete', 'lost'],
    things: ['missing part', 'gap', 'empty place', 'absent piece', 'incomplete area'],
    states: ['missing', 'absent', 'incomplete', 'lost', 'left-out'],
  },
  {
    words: [
      'misplaced',
      'misalign',
      'misaligned',
      'misalignment',
      'shifted',
      'displaced',
      'offset',
      'swap',
      'flip',
      'flipped',
    ],
    things: ['misplaced part', 'misalignment', 'displacement', 'shifted part', 'wrong position'],
    states: ['misplaced', 'misaligned', 'displaced', 'shifted', 'wrongly placed'],
  },
  {
    words: ['extra', 'surplus', 'excess'],
    things: ['surplus material', 'extra part', 'excess material', 'additional piece', 'superfluous part'],
    states: ['extra', 'surplus', 'additional', 'superfluous', 'unwanted'],
  },
  {
    words: [
      'colour',
      'color',
      'discolour',
      'discolor',
      'discolouration',
      'discoloration',
      'discoloured',
      'discolored',
      'fade',
      'faded',
    ],
    things: ['discolouration', 'wrong colour', 'colour deviation', 'faded area', 'off-colour patch'],
  },
  {
    words: ['print', 'imprint', 'printing', 'label', 'logo', 'text'],
    things: ['print defect', 'smeared print', 'faulty imprint', 'misprint', 'blurred marking'],
  },
  {
    words: ['glue', 'adhesive', 'sealant'],
    things: ['glue residue', 'adhesive smear', 'glue spot', 'excess glue', 'dried adhesive'],
  },
  {
    words: ['oil', 'oily', 'grease', 'greasy'],
    things: ['oil stain', 'grease mark', 'oily spot', 'lubricant residue', 'greasy film'],
  },
  {
    words: ['water', 'liquid', 'wet', 'droplet', 'moisture'],
    things: ['water stain', 'liquid residue', 'wet spot', 'dried droplet', 'moisture mark'],
  },
  {
    words: ['burn', 'burnt', 'burned', 'scorch', 'scorched'],
    things: ['burn mark', 'scorched area', 'charred spot', 'heat mark', 'browned area'],
    states: ['burnt', 'scorched', 'charred', 'singed', 'overheated'],
  },
  {
    words: ['combined', 'multiple', 'several', 'mixed'],
    things: ['combined defects', 'several defects', 'multiple flaws', 'mixed damage', 'compound defect'],
  },
  {
    words: ['melt', 'melted', 'fused'],
    things: ['melted area', 'heat damage', 'fused area', 'molten spot', 'melt mark'],
    states: ['melted', 'fused', 'softened', 'molten', 'heat-damaged'],
  },
  {
    words: ['bubble', 'bubbles', 'blister', 'blistering'],
    things: ['bubble', 'air bubble', 'blister', 'trapped air', 'gas inclusion'],
  },
  {
    words: ['inclusion', 'inclusions', 'slag'],
    things: ['inclusion', 'embedded particle', 'slag inclusion', 'embedded foreign matter', 'trapped particle'],
  },
  {
    words: ['rust', 'rusty', 'corrosion', 'corroded', 'oxidation', 'oxide'],
    things: ['rust', 'corrosion', 'rust spot', 'corroded area', 'oxidised patch'],
    states: ['rusty', 'corroded', 'oxidised', 'rust-eaten', 'tarnished'],
  },
  {
    words: ['chip', 'chipped', 'chipping', 'nick', 'notch'],
    things: ['chip', 'chipped area', 'nick', 'notch', 'flaked spot'],
  },
  { words: ['burr', 'burrs', 'flash'], things: ['burr', 'sharp burr', 'rough edge', 'excess flash', 'metal ridge'] },
  {
    words: ['wrinkle', 'wrinkled', 'wrinkles', 'crease', 'fold', 'folded'],
    things: ['wrinkle', 'crease', 'fold', 'crumpled area', 'pucker'],
  },
  {
    words: ['rough', 'uneven', 'unevenness', 'roughness', 'texture'],
    things: ['uneven area', 'rough patch', 'irregular surface', 'coarse area', 'surface roughness'],
    states: ['uneven', 'rough', 'irregular', 'coarse', 'patchy'],
  },
  {
    words: ['short', 'bridge', 'bridging'],
    things: ['short circuit', 'short', 'bridged conductors', 'copper bridge', 'unwanted connection'],
  },
  {
    words: ['open'],
    things: ['open circuit', 'interrupted conductor', 'broken track', 'gap in conductor', 'disconnected line'],
  },
  {
    words: ['spur', 'spurs'],
    things: ['spur', 'copper spur', 'protruding copper', 'pointed protrusion', 'copper spike'],
  },
  {
    words: ['mousebite', 'mouse'],
    things: ['mouse bite', 'nibbled track', 'notched conductor', 'bitten edge', 'ragged notch'],
  },
  {
    words: ['copper', 'spurious'],
    things: ['spurious copper', 'copper residue', 'excess copper', 'unetched copper', 'stray copper'],
  },
  {
    words: ['solder', 'soldering'],
    things: ['solder defect', 'solder splash', 'bad solder joint', 'excess solder', 'solder ball'],
  },
  {
    words: ['weld', 'welding', 'seam'],
    things: ['seam defect', 'faulty weld', 'irregular seam', 'weld spatter', 'open seam'],
  },
  { words: ['knot', 'knots'], things: ['knot', 'dark knot', 'knotty spot', 'knot hole', 'lump'] },
  {
    words: ['peel', 'peeled', 'peeling', 'flake', 'flaking', 'delamination'],
    things: ['peeling', 'flaking', 'delamination', 'peeled area', 'detached coating'],
    states: ['peeled', 'flaked', 'delaminated', 'detached', 'stripped'],
  },
  {
    words: ['paint', 'coating', 'varnish', 'lacquer'],
    things: ['paint defect', 'coating flaw', 'bare spot', 'paint run', 'uncoated area'],
  },
  { words: ['leak', 'leakage', 'leaking'], things: ['leak', 'leakage', 'leaking spot', 'seepage', 'escaped liquid'] },
  {
    words: ['loose', 'detached'],
    things: ['loose part', 'detached part', 'unfastened part', 'loose piece', 'slack part'],
    states: ['loose', 'detached', 'unfastened', 'slack', 'disconnected'],
  },
  {
    words: ['line', 'lines', 'streak', 'stripe'],
    things: ['line', 'streak', 'stripe', 'linear mark', 'drawn-out mark'],
  },
];

/** What goes before a thing. The empty one leaves it bare. */
const DEGREES = ['', 'small', 'large', 'clear', 'faint', 'severe', 'slight'];
const LARGE = ['large', 'big', 'extensive', 'clear', 'severe', 'wide', 'major'];
const SMALL = ['small', 'tiny', 'slight', 'minor', 'little', 'faint', 'fine'];

/** A word of size in a type's name keeps its phrases to that size. */
const SIZES: ReadonlyMap<string, readonly string[]> = new Map([
  ...['large', 'big', 'huge', 'major'].map((word) => [word, LARGE] as const),
  ...['small', 'tiny', 'little', 'minor'].map((word) => [word, SMALL] as const),
]);

/** How a thing is said of an object; the same for every degree. */
const THING_FRAMES: readonly ((thing: string, object: string) => string)[] = [
  (thing, object) => `${thing} on the ${object}`,
  (thing, object) => `${object} with ${thing}`,
  (thing, object) => `${object} showing ${thing}`,
  (thing, object) => `${thing} near the edge of the ${object}`,
  (thing, object) => `${thing} in the middle of the ${object}`,
  (thing, object) => `${object} surface with ${thing}`,
  (thing, object) => `${thing} found on the ${object}`,
  (thing, object) => `${object} rejected for ${thing}`,
];

/** How a state is said of an object, or of a part of it. */
const STATE_FRAMES: readonly ((state: string, object: string) => string)[] = [
  (state, object) => `a ${state} ${object}`,
  (state, object) => `the ${object} is ${state}`,
  (state, object) => `${object} that is visibly ${state}`,
  (state, object) => `partly ${state} ${object}`,
  (state, object) => `severely ${state} ${object}`,
  (state, object) => `slightly ${state} ${object}`,
];

/** Words for pictures without a defect. */
const NORMAL_STATES = [
  'flawless',
  'intact',
  'clean',
  'perfect',
  'undamaged',
  'normal',
  'faultless',
  'unblemished',
  'good',
  'sound',
];

const NORMAL_FRAMES: readonly ((state: string, object: string) => string)[] = [
  (state, object) => `a ${state} ${object}`,
  (state, object) => `the ${object} is ${state}`,
  (state, object) => `photo of a ${state} ${object}`,
  (state, object) => `${object} in ${state} condition`,
  (state, object) => `${object} with a ${state} surface`,
  (state, object) => `${state} ${object} without any defect`,
  (state, object) => `${state} ${object} from regular production`,
  (state, object) => `${object} found ${state} at inspection`,
  (state, object) => `close view of a ${state} ${object}`,
  (state, object) => `${state} and complete ${object}`,
];

const all = <A, B>(many: readonly A[], others: readonly B[], join: (a: A, b: B) => string): string[] =>
  many.flatMap((a) => others.map((b) => join(a, b)));

/** "an" before a vowel, in phrases that begin an article with "a". */
const withArticles = (phrase: string): string => phrase.replace(/\ba (?=[aeiou])/g, 'an ');

/** The entry that says what a type is: one with states wins ("bent_wire"), else the last word that is known ("oil_stain"). */
function entryOf(words: readonly string[]): { readonly entry: Entry; readonly rest: readonly string[] } | undefined {
  const known = words.flatMap((word, at) => {
    const entry = LEXICON.find(({ words: meant }) => meant.includes(word));
    return entry ? [{ entry, rest: words.filter((_, other) => other !== at) }] : [];
  });
  return known.find(({ entry }) => entry.states) ?? known.at(-1);
}

/** What a type's name stands for. */
interface Meaning {
  readonly things: readonly string[];
  readonly states: readonly string[];
}

function meaningOf(words: readonly string[]): Meaning {
  const name = words.join(' ');
  const found = entryOf(words);
  if (!found) {
    const generic = ['defect', 'flaw', 'damage', 'fault'].filter((word) => !words.includes(word));
    return { things: [name, ...generic.map((word) => `${name} ${word}`)], states: [] };
  }
  const { things, states = [] } = found.entry;
  const part = found.rest.join(' ');
  // Fewer things leave room for what is only said of the object itself.
  if (part === '') return { things: states.length > 0 ? things.slice(0, 3) : things, states };
  // "bent wire" is a wire in a state; "metal contamination" is a kind of contamination.
  if (states.length > 0) return { things: [name, ...states.map((state) => `${state} ${part}`)], states: [] };
  const kinds = things.map((thing) => (thing.startsWith(part) ? thing : `${part} ${thing}`));
  return { things: [name, ...kinds, ...things], states: [] };
}

/**
 * Phrases for a defect of an object, as many as the grammar has (over a hundred for short names); their order is fixed.
 * @param defect @param object lowercase words with single spaces.
 */
export function defectPhrases(defect: string, object: string): string[] {
  const words = defect.split(' ');
  const size = words.flatMap((word) => SIZES.get(word) ?? []).slice(0, LARGE.length);
  const telling = words.filter((word) => !SIZES.has(word));
  const { things, states } = meaningOf(telling.length > 0 ? telling : ['defect']);
  const graded = all(size.length > 0 ? size : DEGREES, things, (degree, thing) =>
    thing.startsWith(degree) ? thing : `${degree} ${thing}`,
  );
  return [
    ...all(THING_FRAMES, graded, (frame, thing) => frame(thing, object)),
    ...all(STATE_FRAMES, size.length > 0 ? [] : states, (frame, state) => withArticles(frame(state, object))),
  ];
}

/** Phrases for an object without a defect. */
export const normalPhrases = (object: string): string[] =>
  all(NORMAL_FRAMES, NORMAL_STATES, (frame, state) => withArticles(frame(state, object)));
