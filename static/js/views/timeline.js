/**
 * The run as far as it has come: back and forth in it, to exactly any iteration, with pictures of the plane on the way.
 */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect } from '../../vendor/signals-core/signals-core.js';
import { cost, count } from '../format.js';
import { together } from '../signals.js';
import { palette } from '../theme.js';
import { whenOpen } from './drawer.js';
import { fetchLater, mayOpen } from './later.js';
import { paintThumbnail } from './thumbnail.js';
import { bindNumber, iteration } from './value.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Boundary} Boundary */

/** Where each button leads. @type {Record<string, (at: number, furthest: number) => number>} */
const MOVES = {
  'timeline-first': () => 0,
  'timeline-back-tenth': (at, furthest) => at - tenth(furthest),
  'timeline-back': (at) => at - 1,
  'timeline-forward': (at) => at + 1,
  'timeline-forward-tenth': (at, furthest) => at + tenth(furthest),
  'timeline-last': (_, furthest) => furthest,
};

/** @param {number} furthest */
const tenth = (furthest) => Math.max(1, Math.round(furthest / 10));

/**
 * @template T
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {() => Promise<T>} get the modules that make a film of it
 * @param {(module: T) => {open: () => void}} start
 */
export function mountTimeline(store, find, get, start) {
  /** @type {{open: () => void} | undefined} */
  let film;
  const animate = async () => {
    const module = film ? null : await fetchLater(store, 'What records a video', get, animate);
    if (module) film ??= start(module);
    if (mayOpen()) film?.open();
  };
  find('animate').addEventListener('click', animate);
  const slider = /** @type {HTMLInputElement} */ (find('timeline-slider'));
  const end = find('timeline-end');
  const strip = find('timeline-film');
  const isOpen = computed(() => store.panel.value === 'timeline');
  const position = computed(() =>
    isOpen.value ? (store.dialogue.sought.value ?? store.current.picture.value?.iteration ?? 0) : 0,
  );

  /** @param {number} iteration */
  const go = (iteration) => {
    const to = Math.max(0, Math.min(iteration, store.current.furthest));
    if (to !== position.value || store.dialogue.playing.value) store.seek(to);
  };
  for (const [id, move] of Object.entries(MOVES))
    find(id).addEventListener('click', () => go(move(position.value, store.current.furthest)));
  slider.addEventListener('input', () => go(Number(slider.value)));
  slider.addEventListener('keydown', (event) => {
    const way = { PageUp: 1, PageDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    go(position.value + way * tenth(store.current.furthest));
  });
  bindNumber(find, 'timeline-iteration', {
    field: iteration('Iteration', () => [0, store.current.furthest]),
    value: () => position.value,
    change: go,
  });

  whenOpen(store, 'timeline', () => {
    return together(
      effect(() => {
        const at = position.value;
        const { furthest } = store.current;
        const known = store.current.history.costs[at] ?? store.current.picture.value?.run.train_cost;
        slider.max = String(furthest);
        slider.value = String(at);
        slider.style.setProperty('--fill', `${furthest > 0 ? (100 * at) / furthest : 0}%`);
        slider.setAttribute(
          'aria-valuetext',
          `Iteration ${count(at)} of ${count(furthest)}${known === undefined ? '' : `, cost ${cost(known)}`}`,
        );
        const text = count(furthest);
        if (end.textContent !== text) end.textContent = text;
      }),
      showFilm(store, strip, position, go),
      () => render(null, strip),
    );
  });
}

/**
 * @param {Store} store
 * @param {HTMLElement} film
 * @param {{value: number}} position
 * @param {(iteration: number) => void} go
 */
function showFilm(store, film, position, go) {
  /** What each canvas shows. @type {WeakMap<HTMLCanvasElement, Boundary>} */
  const painted = new WeakMap();
  return effect(() => {
    void store.current.picture.value;
    const drawn = palette.value;
    const { pictures } = store.current.history;
    const at = position.value;
    const here = pictures.findLast(({ iteration }) => iteration <= at);
    render(
      pictures.map(
        (picture) => html`<li><button class="shot" type="button" aria-current=${picture === here ? 'step' : 'false'}
          @click=${() => go(picture.iteration)}>
          <canvas width="112" height="112"
            aria-hidden="true"></canvas><span class="vh">Iteration </span><b>${count(picture.iteration)}</b><span
            class="vh">, cost </span><span>${cost(picture.cost)}</span></button></li>`,
      ),
      film,
    );
    film.querySelectorAll('canvas').forEach((canvas, index) => {
      const { boundary } = pictures[index];
      if (painted.get(canvas) === boundary && canvas.dataset.colours === drawn) return;
      painted.set(canvas, boundary);
      canvas.dataset.colours = drawn;
      paintThumbnail(canvas, boundary, !store.regression.peek());
    });
  });
}
