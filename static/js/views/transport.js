/** Play, Step, Reset; speed and learning rate; where the run is; the connection; theme and link. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { cost, count, percent } from '../format.js';
import { isDark, nextTheme, theme } from '../theme.js';
import { bindValue, stopsBetween } from './value.js';

/** @typedef {import('../state.js').Store} Store */
/** @typedef {import('../experiment.js').Fields} Fields */
/** @typedef {(id: string) => HTMLElement} Find */

const CONNECTION = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' };
const CONNECTION_HINT = {
  connecting: 'Opening the connection to the server',
  live: 'Connected to the server',
  reconnecting: 'The connection dropped. Training goes on at the server; what you change now is sent when it is back.',
};

/** @param {Store} store @param {Fields} fields @param {Find} find */
export function mountTransport(store, fields, find) {
  const play = find('play');
  const playLabel = /** @type {HTMLElement} */ (play.querySelector('span'));
  play.addEventListener('click', () => store.toggle());
  find('step').addEventListener('click', () => store.step());
  find('reset').addEventListener('click', () => store.reset());
  effect(() => {
    const playing = store.playing.value;
    playLabel.textContent = playing ? 'Pause' : 'Play';
    play.title = playing ? 'Pause (Space)' : 'Train (Space)';
    play.toggleAttribute('data-playing', playing);
  });

  bindValue({
    input: /** @type {HTMLInputElement} */ (find('speed')),
    slider: /** @type {HTMLInputElement} */ (find('speed-slider')),
    problem: find('speed-problem'),
    field: fields.iterationsPerFrame,
    value: () => store.experiment.value.iterationsPerFrame,
    change: (iterationsPerFrame) => store.change({ iterationsPerFrame }),
    stops: stopsBetween(...fields.iterationsPerFrame.limits),
  });
  bindValue({
    input: /** @type {HTMLInputElement} */ (find('learning-rate')),
    slider: /** @type {HTMLInputElement} */ (find('learning-rate-slider')),
    problem: find('learning-rate-problem'),
    field: fields.learningRate,
    value: () => store.experiment.value.learningRate,
    change: (learningRate) => store.change({ learningRate }),
    stops: stopsBetween(0.0001, fields.learningRate.limits[1]),
  });

  mountReadouts(store);
  mountConnection(store, find('connection'));
  mountTheme(find('theme'));
  mountShare(store, find('share'));
}

/** @param {Store} store */
function mountReadouts(store) {
  /** @param {string} name @returns {(value: number | null, text: string) => void} */
  const readout = (name) => {
    const element = /** @type {HTMLDataElement} */ (document.querySelector(`[data-testid="${name}"]`));
    return (value, text) => {
      const exact = value === null ? '' : String(value);
      if (element.value !== exact) element.value = exact;
      if (element.textContent !== text) element.textContent = text;
    };
  };
  const [iteration, trainCost, train, test] = ['iteration', 'cost', 'train-accuracy', 'test-accuracy'].map(readout);
  effect(() => {
    const picture = store.reading.value;
    if (!picture) return;
    const { run } = picture;
    iteration(picture.iteration, count(picture.iteration));
    trainCost(run.train_cost, cost(run.train_cost));
    train(run.train_accuracy, percent(run.train_accuracy));
    test(run.test_accuracy, percent(run.test_accuracy));
  });
}

/** @param {Store} store @param {HTMLElement} element */
function mountConnection(store, element) {
  const label = /** @type {HTMLElement} */ (element.firstElementChild);
  effect(() => {
    const state = store.connection.value;
    element.dataset.state = state;
    element.title = CONNECTION_HINT[state];
    label.textContent = CONNECTION[state];
    if (state === 'reconnecting') store.announcement.value = 'Reconnecting';
  });
}

/** @param {HTMLElement} button */
function mountTheme(button) {
  button.addEventListener('click', () => {
    theme.value = nextTheme();
  });
  effect(() => {
    const now = theme.value === 'auto' ? `as the system's, ${isDark.value ? 'dark' : 'light'}` : theme.value;
    const then = nextTheme() === 'auto' ? "the system's" : nextTheme();
    button.setAttribute('aria-label', `Theme: ${now}`);
    button.title = `Theme: ${now}. Press for ${then}.`;
  });
}

/** @param {Store} store @param {HTMLElement} button */
function mountShare(store, button) {
  button.addEventListener('click', async () => {
    const link = location.href;
    const copied = await copy(link);
    store.notice.value = {
      kind: 'note',
      text: copied ? 'Link copied. It opens this same experiment, to the last digit.' : `This browser does not let the page copy. The link: ${link}`,
    };
  });
}

/** Also over plain http on a classroom's network, where there is no clipboard API. @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'vh';
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return copied;
  }
}
