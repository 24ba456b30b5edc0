/** Which views of the page a step needs beside its text, and whether they are seen (css/stage.css shows them). */

import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { allows, isShown, PARTS } from '../experiment/parts.js';

/** @typedef {import('../store/state.js').Store} Store */

/** The views of a part, by its name or else by that of its section; of any other there is none: it is always there. */
const VIEWS = /** @type {Record<string, readonly string[]>} */ ({
  activation: ['activation'],
  data: ['data', 'sets', 'problem', 'values'],
  problem: ['data', 'sets', 'problem'],
  dataset: ['data', 'sets'],
  own: ['data', 'values', 'output'],
  examples: ['data', 'values'],
  noise: ['data', 'values'],
  flips: ['data', 'values'],
  train: ['data', 'values'],
  seed: ['data', 'values'],
  features: ['data', 'features'],
  training: ['data', 'training'],
  network: ['network', 'graph'],
  values: ['network', 'graph', 'sentence'],
  layers: ['network', 'graph', 'captions'],
  depth: ['network', 'options', 'depth'],
  init: ['network', 'options', 'init'],
  weights: ['network', 'options', 'weights'],
  output: ['output'],
  shows: ['output', 'switches'],
  cost: ['cost'],
  readouts: ['readouts'],
  controls: ['speed', 'rate'],
  speed: ['speed'],
  rate: ['rate'],
  drawer: ['tabs'],
  play: [],
  reset: [],
  step: [],
});
/** One of these is a picture; without any the output is shown, or the network whose controls are. */
const PICTURES = ['graph', 'output', 'cost', 'panel'];
/** Beside one of these a panel has half of the room. */
const BESIDE = ['data', 'graph', 'output', 'cost'];
/** A subject is seen when so much of it is, or so many pixels of its height. */
const SHARE = 0.6;
const PIXELS = 100;

const PART = new Map(PARTS.map((part) => [part.name, part]));

/** @param {string} name @returns {readonly string[]} */
const viewsOfPart = (name) => VIEWS[name] ?? VIEWS[PART.get(name)?.within ?? ''] ?? [];

/** The panel that is among some parts. @param {readonly string[]} shows */
export const panelIn = (shows) => shows.find((name) => PART.get(name)?.within === 'drawer') ?? '';

/** @param {readonly string[]} shows names of parts @param {string} panel the one that is open */
export function viewsOf(shows, panel) {
  const views = new Set(shows.flatMap(viewsOfPart));
  if (views.has('tabs') && panel) views.add('panel');
  if (!PICTURES.some((view) => views.has(view))) views.add(views.has('network') ? 'graph' : 'output');
  if (views.has('panel') && BESIDE.some((view) => views.has(view))) views.add('split');
  return [...views];
}

/**
 * What is shown, while all of it can be seen, else null; the browser says when that changes, so that nothing is measured.
 *
 * @param {Store} store
 * @param {() => readonly string[]} shows
 * @param {(id: string) => HTMLElement} find
 */
export function watchSubjects(store, shows, find) {
  const seen = signal(/** @type {readonly string[] | null} */ (null));
  effect(() => {
    const panel = store.panel.value;
    // What the page does not have, or a panel that nobody may open, is not waited for.
    const wanted = shows();
    const there = wanted.filter(
      (name) =>
        isShown(store.reduction.value, name) &&
        (PART.get(name)?.within !== 'drawer' || name === panel || allows(store.reduction.value, name)),
    );
    /** @type {Map<Element, boolean>} */
    const subjects = new Map();
    const lacks = panelIn(there) !== '' && panelIn(there) !== panel;
    for (const name of there) {
      const { mark, roots, within } = PART.get(name) ?? { roots: 'none' };
      const element = within === 'drawer' ? find(`panel-${name}`) : document.querySelector(mark ?? roots);
      if (element) subjects.set(element, false);
    }
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting, intersectionRatio, intersectionRect } of entries)
          subjects.set(target, isIntersecting && (intersectionRatio >= SHARE || intersectionRect.height >= PIXELS));
        seen.value = !lacks && [...subjects.values()].every(Boolean) ? wanted : null;
      },
      { threshold: [0, 0.1, 0.2, 0.4, SHARE, 1] },
    );
    for (const element of subjects.keys()) observer.observe(element);
    seen.value = !lacks && subjects.size === 0 ? wanted : null;
    return () => observer.disconnect();
  });
  return seen;
}
