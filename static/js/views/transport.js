/** Play, Step, Reset; speed and learning rate; where the run is; the connection; theme and link. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { FRAMES_A_SECOND } from '../experiment/experiment.js';
import { cost, count, percent } from '../format.js';
import { isDark, nextTheme, theme } from '../theme.js';
import { markKey } from './keyboard.js';
import { bindFields, stopsBetween } from './value.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {{waiting: {value: import('../stream/connection.js').Wait | null}, plain: {value: boolean}}} Stream */
/** @typedef {(id: string) => HTMLElement} Find */

/**
 * Iterations a second to step by: one to watch a single step, then ever more; beyond the last, whatever there is time
 * for.
 */
const SPEEDS = [1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3000, 6000, 12_000, 18_000, 30_000, 60_000];

/** Milliseconds. */
const ACHIEVED_OVER = 1500;

const CONNECTION = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting', waiting: 'Waiting' };
const CONNECTION_HINT = {
  connecting: 'Opening the connection to the server',
  live: 'Connected to the server',
  reconnecting: 'The connection dropped. Training goes on at the server; what you change now is sent when it is back.',
  waiting: 'The server does not let this page train just now. What you change now is sent as soon as it does.',
};

/** @param {Store} store @param {Find} find @param {Fields} fields @param {Stream} stream */
export function mountTransport(store, find, fields, stream) {
  const play = find('play');
  const playLabel = /** @type {HTMLElement} */ (play.querySelector('span'));
  play.addEventListener('click', () => store.toggle());
  const step = find('step');
  step.addEventListener('click', () => store.step());
  const epoch = find('step-epoch');
  epoch.addEventListener('click', () => store.step(store.epoch));
  effect(() => {
    epoch.hidden = store.setup.batchSize.value === null;
  });
  const reset = find('reset');
  reset.addEventListener('click', () => store.reset());
  effect(() => {
    const playing = store.dialogue.playing.value;
    playLabel.textContent = playing ? 'Pause' : 'Play';
    play.toggleAttribute('data-playing', playing);
    document.body.toggleAttribute('data-training', playing);
    const own = store.keyed.value === null;
    markKey(play, ' ', playing ? 'Pause' : 'Train', own);
    markKey(step, 'ArrowRight', 'One iteration', own);
    markKey(reset, 'r', 'Back to the same initial weights', own);
  });

  const [slowest, fastest] = fields.iterationsPerFrame.limits;
  const speeds = SPEEDS.map((speed) => speed / FRAMES_A_SECOND).filter((speed) => speed >= slowest && speed <= fastest);
  bindFields(store, find, fields, {
    iterationsPerFrame: ['speed', [...speeds, null]],
    learningRate: ['learning-rate', stopsBetween(0.0001, fields.learningRate.limits[1])],
  });

  mountReadouts(store);
  mountAchieved(store, find('achieved'));
  mountConnection(store, find('connection'), stream);
  mountTheme(find('theme'));
}

/**
 * What an element says from now on, over and over: one text that changes, so that no other element has to be looked at
 * for it.
 *
 * @param {HTMLElement} element
 */
function textOf(element) {
  const node = document.createTextNode(element.textContent);
  element.replaceChildren(node);
  let said = node.data;
  return (/** @type {string} */ text) => {
    if (text !== said) node.data = said = text;
  };
}

/** @param {Store} store */
function mountReadouts(store) {
  /** @param {string} name @returns {(value: number | null, text: string) => void} */
  const readout = (name) => {
    const element = /** @type {HTMLDataElement} */ (document.querySelector(`[data-testid="${name}"]`));
    const say = textOf(element);
    return (value, text) => {
      const exact = value === null ? '' : String(value);
      if (element.value !== exact) element.value = exact;
      say(text);
    };
  };
  const names = ['iteration', 'cost', 'train-accuracy', 'test-accuracy', 'test-cost'];
  const said = names.map(readout);
  const [iteration, trainCost, train, test, testCost] = said;
  effect(() => {
    // A regression has nothing that is right or wrong: what it has of the test points is their cost.
    for (const name of names.slice(2)) {
      const stat = document.querySelector(`.stat:has([data-testid="${name}"])`);
      stat?.toggleAttribute('hidden', (name === 'test-cost') !== store.regression.value);
    }
  });
  effect(() => {
    const picture = store.current.picture.value;
    if (store.current.aside.value) for (const say of said) say(null, '–');
    if (!picture) return;
    const { run } = picture;
    iteration(picture.iteration, count(picture.iteration));
    trainCost(run.train_cost, cost(run.train_cost));
    train(run.train_accuracy, percent(run.train_accuracy));
    test(run.test_accuracy, percent(run.test_accuracy));
    testCost(run.test_cost, run.test_cost === null ? '–' : cost(run.test_cost));
  });
}

/**
 * The iterations a second that there really are, of the last second and a half.
 *
 * @param {Store} store
 * @param {HTMLElement} element
 */
function mountAchieved(store, element) {
  const say = textOf(element);
  /** @type {{time: number, iteration: number}[]} */
  let seen = [];
  effect(() => {
    const picture = store.current.picture.value;
    const time = performance.now();
    if (!store.dialogue.playing.value) {
      seen = [];
      say('');
      return;
    }
    // Another run begins as fast as the one before, until it is known better.
    if (!picture) return;
    if (picture.iteration < (seen.at(-1)?.iteration ?? 0)) seen = [];
    seen = [...seen.filter((one) => time - one.time < ACHIEVED_OVER), { time, iteration: picture.iteration }];
    const [first] = seen;
    if (time - first.time > ACHIEVED_OVER / 3)
      say(`${count((1000 * (picture.iteration - first.iteration)) / (time - first.time))} /\u00a0s`);
  });
}

/** @param {Store} store @param {HTMLElement} element @param {Stream} stream */
function mountConnection(store, element, stream) {
  const label = /** @type {HTMLElement} */ (element.firstElementChild);
  effect(() => {
    const why = stream.waiting.value?.why;
    // Until it has a session, a connection only asks for a place.
    const state = why && why !== 'restarting' ? 'waiting' : why ? 'reconnecting' : store.dialogue.connection.value;
    const before = element.dataset.state;
    element.dataset.state = state;
    element.title = CONNECTION_HINT[state];
    label.textContent = state === 'live' && stream.plain.value ? 'Live, the second way' : CONNECTION[state];
    if (state === 'reconnecting' && state !== before && !why) store.announcer.say('Reconnecting');
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
