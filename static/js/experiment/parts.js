/**
 * The parts of the page that a teacher can hide or lock by the address, `hide=data,presets&lock=activation`, and a
 * lesson can point out besides. One table: the page, the Share dialog, the lessons, docs/embedding.md and the tests
 * read it.
 */

/**
 * @typedef {object} Part
 * @property {string} name in the address
 * @property {string} title
 * @property {string} roots selects what it is made of; all of it is hidden, or has its controls locked
 * @property {string} [within] the section it belongs to
 * @property {boolean} [fixed] has nothing to lock
 * @property {string} [mark] selects what of it is marked where it is pointed out; all of it, if not said
 * @property {string} [spares] controls that change nothing, and stay usable when it is locked
 */

/** The row of a value. @param {string} id */
const row = (id) => `.sl:has(#${id})`;

/** @type {readonly Part[]} sections, each before what belongs to it */
export const PARTS = [
  { name: 'controls', title: 'Training controls', roots: '.transport .controls' },
  { name: 'reset', title: 'Reset', roots: '#reset', within: 'controls' },
  { name: 'play', title: 'Play', roots: '#play', within: 'controls' },
  { name: 'step', title: 'Step', roots: '#step, #step-epoch', within: 'controls' },
  { name: 'speed', title: 'Speed', roots: '.dial.speed', within: 'controls' },
  { name: 'rate', title: 'Learning rate', roots: '.dial.rate', within: 'controls' },
  { name: 'readouts', title: 'Iteration, cost and accuracies', roots: '.readouts', mark: '.readouts dl', fixed: true },
  { name: 'links', title: 'Links at the top', roots: '.brand .links' },
  { name: 'lessons', title: 'Lessons', roots: '#lessons', within: 'links' },
  { name: 'presets', title: 'Presets', roots: '#presets', within: 'links' },
  { name: 'class', title: 'Class', roots: '#class', within: 'links' },
  { name: 'share', title: 'Share', roots: '#share', within: 'links' },
  { name: 'save', title: 'Save run', roots: '.saving', within: 'links' },
  { name: 'help', title: 'Help and keys', roots: '#help' },
  { name: 'theme', title: 'Theme', roots: '#theme' },
  { name: 'activation', title: 'Activation', roots: '.act, #layer-slope-row', mark: '#activations' },
  { name: 'data', title: 'Data', roots: '.data .d1, .data .d2' },
  { name: 'problem', title: 'Problem', roots: '.labelled:has(#problem)', within: 'data' },
  { name: 'dataset', title: 'Dataset', roots: '#datasets, #dataset-about', mark: '#datasets', within: 'data' },
  { name: 'own', title: 'Your own points', roots: '#own-points, .tile.own', within: 'data' },
  { name: 'examples', title: 'Examples', roots: row('examples'), within: 'data' },
  { name: 'noise', title: 'Noise', roots: row('noise'), within: 'data' },
  { name: 'flips', title: 'Label flips', roots: row('label-flips'), within: 'data' },
  { name: 'train', title: 'Train share', roots: row('train-share'), within: 'data' },
  { name: 'seed', title: 'Data seed', roots: row('data-seed'), within: 'data' },
  { name: 'features', title: 'Features', roots: '.data .d3' },
  { name: 'training', title: 'Training settings', roots: '#training', spares: 'summary' },
  { name: 'optimizer', title: 'Optimiser', roots: row('optimizer'), within: 'training' },
  { name: 'batch', title: 'Batch size', roots: row('batch-size'), within: 'training' },
  { name: 'order', title: 'Batch seed', roots: row('training-seed'), within: 'training' },
  { name: 'l1', title: 'L1 rate', roots: row('l1'), within: 'training' },
  { name: 'l2', title: 'L2 rate', roots: row('l2'), within: 'training' },
  { name: 'stop', title: 'Stop conditions', roots: '#training .stops', within: 'training' },
  { name: 'network', title: 'Network', roots: '.net', mark: '#graph', spares: '.node' },
  { name: 'depth', title: 'Hidden layers', roots: '.opt:has(#depth)', within: 'network' },
  { name: 'init', title: 'Initial weights', roots: '.opt.init', within: 'network' },
  { name: 'weights', title: 'Weight seed', roots: '.net .opt.seed', within: 'network' },
  { name: 'layers', title: 'Units and activation of each layer', roots: '#captions', within: 'network' },
  { name: 'values', title: 'What a unit computes, and editing it', roots: '#sentence', within: 'network' },
  {
    name: 'output',
    title: 'Output',
    roots: '.out > .output-head, #boundary, #output-legend, .out .switches',
    mark: '#boundary',
    spares: '#words-open',
  },
  { name: 'shows', title: 'What the plane shows', roots: '.out .switches', within: 'output' },
  { name: 'words', title: 'In words', roots: '#words-open', within: 'output', fixed: true },
  { name: 'image', title: 'Save image', roots: '#image', within: 'output' },
  { name: 'cost', title: 'Cost', roots: '.out .cost-head, #cost', mark: '#cost' },
  { name: 'drawer', title: 'Panels', roots: '.drawer', mark: '#tabs' },
  { name: 'microscope', title: 'Backprop microscope', roots: '#tab-microscope', within: 'drawer' },
  { name: 'activations', title: 'Activations', roots: '#tab-activations', within: 'drawer' },
  { name: 'compare', title: 'Compare', roots: '#tab-compare', within: 'drawer' },
  { name: 'timeline', title: 'Timeline', roots: '#tab-timeline', within: 'drawer' },
  { name: 'runs', title: 'Runs', roots: '#tab-runs', within: 'drawer' },
  { name: 'results', title: 'Results', roots: '#tab-results', within: 'drawer' },
  { name: 'surface', title: 'Surface', roots: '#tab-surface', within: 'drawer' },
  { name: 'timing', title: 'Vectorising', roots: '#tab-timing', within: 'drawer' },
  { name: 'code', title: 'Formula and code', roots: '#tab-code', within: 'drawer' },
];

/** @typedef {{hide: readonly string[], lock: readonly string[]}} Reduction */

/** @type {readonly (Reduction & {title: string})[]} pages that teachers often hand out */
export const REDUCED = [
  { title: 'The whole page', hide: [], lock: [] },
  { title: 'Without the panels', hide: ['drawer'], lock: [] },
  {
    title: 'Only Play and the activation',
    hide: ['links', 'rate', 'data', 'features', 'training', 'drawer'],
    lock: ['network'],
  },
  {
    title: 'Only to watch',
    hide: ['links', 'activation', 'data', 'features', 'training', 'drawer', 'rate', 'speed'],
    lock: ['network', 'shows'],
  },
];

const SECTIONS = new Map(PARTS.map(({ name, within }) => [name, within]));

/** @param {readonly string[]} names @param {string} name */
const holds = (names, name) => names.includes(name) || names.includes(SECTIONS.get(name) ?? '');

/** Whether a part is on the page. @param {Reduction} reduction @param {string} name */
export const isShown = ({ hide }, name) => !holds(hide, name);

/**
 * Whether a reader may use a part: every command that no control of its own stands for asks here.
 *
 * @param {Reduction} reduction
 * @param {string} name
 */
export const allows = ({ hide, lock }, name) => !holds(hide, name) && !holds(lock, name);
