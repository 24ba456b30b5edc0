/** The model to take away: its formula with its numbers, programs, files; and parameters brought back from a file. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { ask, latest, post, problemOf, UNANSWERED } from '../asking.js';
import { copy } from '../clipboard.js';
import { MAX_FILE_BYTES } from '../experiment/bounds.js';
import { layerSizes, sameRun } from '../experiment/experiment.js';
import { count, counted } from '../format.js';
import { fits } from '../layers.js';
import { serverPath } from '../links.js';
import { together } from '../signals.js';
import { bindSignal } from './choice.js';
import { whenOpen } from './drawer.js';
import { takeDropped } from './dropped.js';
import { unitFormula } from './parameter.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').HiddenLayer} HiddenLayer */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('./parameter.js').OpenParameter} OpenParameter */
/**
 * @typedef {LayerParameters & {activation?: string | null, slope?: number | null}} FileLayer a layer as it is in a file
 */
/** @typedef {(id: string) => HTMLElement} Find */

/** Of more numbers than this a new picture is made only so often while training (milliseconds). */
const MANY_NUMBERS = 40;
const SELDOM = 500;
/** The texts follow what is changed while paused, once it rests (milliseconds). */
const REST = 250;
/** @type {Record<string, string>} */
const CONTENT_TYPES = {
  json: 'application/json',
  csv: 'text/csv',
  npz: 'application/x-npz',
  safetensors: 'application/x-safetensors',
  onnx: 'application/x-onnx',
};

/** @param {Store} store @param {Find} find @param {Catalogue} catalogue @param {OpenParameter} open */
export function mountCode(store, find, catalogue, open) {
  const text = mountText(store, find);
  mountFiles(store, find);
  mountLoading(store, find, catalogue);
  whenOpen(store, 'code', () => together(showFormulas(store, find('formulas'), open), text()));
}

/** A line for each unit. @param {Store} store @param {HTMLElement} container @param {OpenParameter} open */
function showFormulas(store, container, open) {
  let drawn = -Infinity;
  return effect(() => {
    const picture = store.current.drawn.value;
    const sizes = store.layerSizes.value;
    if (!picture || !fits(picture.run.layers, sizes)) return;
    const { layers } = picture.run;
    const numbers = sizes.slice(1).reduce((sum, units, index) => sum + units * (sizes[index] + 1), 0);
    const now = performance.now();
    if (store.dialogue.playing.value && numbers > MANY_NUMBERS && now - drawn < SELDOM) return;
    drawn = now;
    render(
      sizes
        .slice(1)
        .map((units, index) =>
          Array.from({ length: units }, (_, unit) => unitFormula(store, layers, index + 1, unit, open)),
        ),
      container,
    );
  });
}

/** The path of something of this session's. @param {Store} store @param {string} path */
const pathOf = (store, path) => `/sessions/${store.dialogue.session.value}/${path}`;

/**
 * The programs and the formula as text.
 *
 * @param {Store} store
 * @param {Find} find
 * @returns {() => () => void} what to do when it opens, and then when it closes
 */
function mountText(store, find) {
  const box = find('program');
  const about = find('program-about');
  const update = find('program-update');
  const button = find('program-copy');
  const download = /** @type {HTMLAnchorElement} */ (find('program-download'));
  const chosen = signal(/** @type {HTMLInputElement} */ (find('programs').querySelector('input')).value);
  bindSignal(find('programs'), chosen);
  button.addEventListener('click', async () => {
    const copied = await copy(box.textContent ?? '');
    store.note(copied ? 'Copied.' : 'This browser does not let the page copy: select the text and copy it yourself.');
  });

  const asking = latest();
  const fetchText = async () => {
    const counts = asking();
    const answer = await ask(pathOf(store, chosen.peek()), { as: 'text' });
    if (!counts()) return;
    const text = answer?.ok ? answer.body : problemOf(answer);
    if (box.textContent !== text) box.textContent = text;
    const failed = !answer?.ok;
    box.classList.toggle('failed', failed);
    /** @type {HTMLButtonElement} */ (button).disabled = failed;
    download.hidden = failed;
    about.textContent = answer?.ok ? `as of iteration ${count(Number(answer.headers.get('Shallows-Iteration')))}` : '';
  };
  update.addEventListener('click', fetchText);

  return () => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let shown = '';
    /** What the text is of. @type {import('../experiment/experiment.js').Experiment | null} */
    let of = null;
    const stop = effect(() => {
      const session = store.dialogue.session.value;
      const playing = store.dialogue.playing.value;
      const what = chosen.value;
      // While it trains a text is of the moment it was asked for.
      if (!playing) void store.current.picture.value;
      void store.dialogue.frozen.value;
      update.hidden = !playing;
      download.href = serverPath(pathOf(store, what));
      const run = store.current.experiment.value;
      const same = shown === what && (of === null || run === null || sameRun(of, run));
      if (shown !== what) {
        // What is still to come is of another choice.
        asking();
        box.textContent = 'Fetching it from the server.';
        box.classList.remove('failed');
        about.textContent = '';
        /** @type {HTMLButtonElement} */ (button).disabled = true;
      }
      if (session === null || (playing && same)) return;
      clearTimeout(timer);
      timer = setTimeout(fetchText, shown === what ? REST : 0);
      shown = what;
      of = run;
    });
    return () => {
      clearTimeout(timer);
      asking();
      stop();
    };
  };
}

/** @param {Store} store @param {Find} find */
function mountFiles(store, find) {
  const links = /** @type {HTMLAnchorElement[]} */ ([...find('panel-code').querySelectorAll('a[data-file]')]);
  effect(() => {
    for (const link of links) link.href = serverPath(pathOf(store, /** @type {string} */ (link.dataset.file)));
  });
}

/** @param {Store} store @param {Find} find @param {Catalogue} catalogue */
function mountLoading(store, find, catalogue) {
  const input = /** @type {HTMLInputElement} */ (find('parameters-file'));
  const none = () => /** @type {unknown} */ (nothing);
  /** What is said of the last file, beside whatever is set up by then. */
  const answer = signal(none);
  const asking = latest();
  find('load-parameters').addEventListener('click', () => input.click());
  /** @param {File | undefined} file */
  const load = async (file) => {
    if (!file) return;
    const counts = asking();
    const before = store.experiment.peek();
    answer.value = () => html`<p class="hint">Reading ${file.name}</p>`;
    const found = await read(file);
    if (!counts()) return;
    if (typeof found === 'string') {
      answer.value = () => wrong(found);
      return;
    }
    answer.value = () => fit(file.name, found).said;
    // What has been set up meanwhile nobody has asked to be replaced.
    if (sameRun(before, store.experiment.peek())) fit(file.name, found).start?.();
  };
  input.addEventListener('change', () => {
    load(input.files?.[0]);
    input.value = '';
  });
  const section = /** @type {HTMLElement} */ (find('load-parameters').closest('section'));
  takeDropped(section, () => true, load);

  /** @param {string} text */
  const wrong = (text) => html`<p class="wrong">${text}</p>`;

  /** @param {File} file @returns {Promise<FileLayer[] | string>} what is wrong with it is a string */
  const read = async (file) => {
    const format = file.name.split('.').at(-1)?.toLowerCase() ?? '';
    if (!CONTENT_TYPES[format])
      return `${file.name} is none of the files that can be loaded: ${Object.keys(CONTENT_TYPES).join(', ')}.`;
    if (file.size > MAX_FILE_BYTES) return `${file.name} is larger than ${count(MAX_FILE_BYTES / 1e6)} MB.`;
    const got = await post(`/parameters?format=${format}`, file, CONTENT_TYPES[format]);
    if (got?.ok) return got.body.layers;
    return got ? `${file.name} could not be read: ${problemOf(got)}` : UNANSWERED;
  };

  /**
   * How a file goes with what is set up: what is said of it, with what can be made to fit.
   *
   * @param {string} name
   * @param {FileLayer[]} found
   * @returns {{said: unknown, start?: () => void}} `start` if it fits as it is
   */
  const fit = (name, found) => {
    const { features, layers } = store.experiment.value;
    const sizes = [found[0].weights.length, ...found.map(({ biases }) => biases.length)];
    const wanted = layerSizes(store.experiment.value);
    const [inputs] = sizes;
    const [, most] = catalogue.limits.units;
    const [, deepest] = catalogue.limits.hidden_layers;
    const shape = `${sizes.join('-')} units`;
    const no = (/** @type {string} */ why) => ({ said: wrong(why) });
    if (sizes.at(-1) !== 1) return no(`${name} has ${sizes.at(-1)} outputs; a network here has one.`);
    if (sizes.length - 2 > deepest || sizes.slice(1).some((units) => units > most))
      return no(
        `The network in ${name} (${shape}) is larger than this page shows: at most ${deepest} hidden layers of ${most} units.`,
      );
    if (inputs !== features.length)
      return no(
        `The network in ${name} takes ${counted(inputs, 'input')}, yours ${features.length}. ` +
          "Choose as many features, in the file's order, and load it again.",
      );

    const parameters = found.map(({ weights, biases }) => ({ weights, biases }));
    /** @type {HiddenLayer[]} */
    const theirs = found.slice(0, -1).map(({ biases, activation, slope }, index) => {
      const mine = layers[index] ?? layers.at(-1) ?? catalogue.defaults.network.layers[0];
      return { units: biases.length, activation: activation ?? mine.activation, slope: slope ?? mine.slope ?? 0 };
    });
    const same = String(sizes) === String(wanted);
    // The output is what the problem has it.
    const { activation: output } = found[found.length - 1];
    const here = store.outputActivation.peek();
    const other = output && output !== here ? ` Its output is ${output}; here it is ${here}.` : '';
    /** @param {readonly HiddenLayer[]} network */
    const start = (network) => {
      store.change({ layers: network, parameters });
      answer.value = none;
      store.note(`Training starts from the parameters in ${name}.${other}`);
    };
    /** What differs of the activations, in the order of the layers. @param {readonly HiddenLayer[]} network */
    const activations = (network) => network.map(({ activation }) => activation).join(', ');
    const fits = same && activations(theirs) === activations(layers);
    const keep = html`<button class="btn" type="button" @click=${() => start(layers)}>Take the numbers only</button>`;
    const said = html`<p>${
      fits
        ? `The network in ${name} fits what is set up now.`
        : same
          ? `${name} has other activations: ${activations(theirs)}.`
          : `The network in ${name} has ${shape}, yours ${wanted.join('-')}.`
    }</p>
      <div class="row"><button class="btn" type="button"
        @click=${() => start(theirs)}>${
          fits ? 'Take its parameters' : same ? 'Take them too' : "Change the network to the file's"
        }</button>${same && !fits ? keep : nothing}
      <button class="btn quiet" type="button" @click=${() => (answer.value = none)}>Cancel</button></div>`;
    return { said, ...(fits && { start: () => start(theirs) }) };
  };

  const box = find('loaded');
  effect(() => {
    const loaded = store.experiment.value.parameters !== null;
    render(
      html`${answer.value()}${
        loaded
          ? html`<p>Reset goes back to loaded parameters. <button class="btn quiet small" type="button"
            @click=${() => store.change({ parameters: null })}>Draw them instead</button></p>`
          : nothing
      }`,
      box,
    );
  });
}
