/**
 * Points of one's own, set on the plane by pointer, touch or keys. Every change trains on with the weights there are,
 * so that the boundary is seen to follow; Reset goes back to the seed's.
 */

import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { MAX_POINTS } from '../experiment/bounds.js';
import { OWN, PLANE, parameterField } from '../experiment/experiment.js';
import { allows } from '../experiment/parts.js';
import { added, BY_HAND, erased, hundredth, moved, nearest, relabelled, Steps } from '../experiment/points-by-hand.js';
import { count, counted, fixed } from '../format.js';
import { serverPath } from '../links.js';
import { TYPING } from './keyboard.js';
import { mountTable } from './table.js';
import { bindValue } from './value.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../experiment/points-by-hand.js').Own} Own */
/** @typedef {import('../experiment/points-by-hand.js').Point} Point */
/** @typedef {Pick<Experiment, 'dataset' | 'problem' | 'points' | 'labels' | 'origin'>} State */
/** @typedef {'one' | 'zero' | 'value' | 'move' | 'erase'} Tool */
/** @typedef {(id: string) => HTMLElement} Find */

/** A point this near to the pointer is the one meant (pixels). */
const REACH = { mouse: 9, pen: 12, touch: 18 };
/** And this near to the crosshair (units of the plane). */
const KEY_REACH = 0.25;
/** A finger this near to a point is on it, and means none beside it (pixels). */
const ON_IT = 5;
/** A pointer that moved less did not drag (pixels). */
const DRAGGED = 4;
/** A finger that moved less has tapped (pixels). */
const TAPPED = 10;
/** What a tap met is said for so long (milliseconds). */
const SAID = 2500;
/** While dragging, training learns of it this often (milliseconds). */
const DRAG_INTERVAL = 150;
/** Two clicks within this are a double one (milliseconds). */
const DOUBLE = 400;
const STEP = 0.1;
const LARGE_STEP = 1;

/** @type {Record<string, Point>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** @param {Experiment} experiment @returns {State} */
const stateOf = ({ dataset, problem, points, labels, origin }) => ({ dataset, problem, points, labels, origin });

/** @param {State} a @param {State} b */
const sameState = (a, b) =>
  a.dataset === b.dataset &&
  a.problem === b.problem &&
  (a.dataset !== OWN || (a.points === b.points && a.labels === b.labels));

/** @param {Point} point */
const spoken = ([x1, x2]) => `${fixed(x1)}, ${fixed(x2)}`;

/** @param {number} value */
const within = (value) => Math.max(PLANE[0], Math.min(PLANE[1], value));

/** @param {Store} store @param {Find} find */
export function mountOwnPoints(store, find) {
  const edit = new Editor(store);
  mountTool(store, find, edit);
  mountLayer(store, find, edit);
  mountTable(store, find, {
    dialog: /** @type {HTMLDialogElement} */ (find('table-dialog')),
    take: (state, said) => edit.replace(state, said),
  });
  document.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest(TYPING)) return;
    const key = event.key.toLowerCase();
    const forth = key === 'y' || (key === 'z' && event.shiftKey);
    if ((forth || key === 'z') && edit.allowed && (forth ? edit.redo() : edit.undo())) event.preventDefault();
  });
}

/** What can be done, with what follows: undo, bounds, what is said. */
class Editor {
  /** @type {import('../../vendor/signals-core/signals-core.js').Signal<Tool | null>} */
  tool = signal(/** @type {Tool | null} */ (null));
  /** Of a new point, for regression. */
  value = signal(1);
  /** Changes with what can be undone. */
  steps = signal(0);
  #steps = new Steps(sameState);
  #store;
  canUndo = computed(() => {
    void this.steps.value;
    return this.#steps.back(this.#state) !== null;
  });
  canRedo = computed(() => {
    void this.steps.value;
    return this.#steps.forth(this.#state) !== null;
  });

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
    effect(() => {
      const [dataset, points] = [store.setup.dataset.value, store.setup.points.value];
      const regression = this.regression;
      const now = this.tool.peek();
      if (!this.allowed) this.tool.value = null;
      else if (dataset === OWN && points.length === 0 && now !== 'zero') this.tool.value = regression ? 'value' : 'one';
      else if (regression && (now === 'one' || now === 'zero')) this.tool.value = 'value';
      else if (!regression && now === 'value') this.tool.value = 'one';
    });
  }

  get allowed() {
    return allows(this.#store.reduction.value, 'own');
  }

  /** The points there are, the reader's own or those of the dataset. @returns {Own} */
  get own() {
    const { dataset, points, labels } = this.#store.setup;
    if (dataset.value === OWN) return { points: points.value, labels: labels.value };
    const drawn = this.#store.points.value;
    return { points: drawn?.points ?? [], labels: drawn?.labels ?? [] };
  }

  get regression() {
    return this.#store.regression.value;
  }

  /** Where its points came from, as long as there are some. @param {Own} own */
  origin({ points }) {
    const { dataset, origin } = this.#store.experiment.value;
    return dataset === OWN && points.length > 0 ? origin : null;
  }

  /** The class of the other kind; of a regression the value that is set. @param {number} label */
  other(label) {
    return this.regression ? this.value.value : 1 - label;
  }

  /** What a click gives a new point. @param {boolean} shift the other class @returns {number | null} */
  label(shift) {
    const value = this.value.value;
    /** @type {Partial<Record<Tool, number>>} */
    const labels = { one: shift ? 0 : 1, zero: shift ? 1 : 0, value: shift ? -value : value };
    return (this.tool.value && labels[this.tool.value]) ?? null;
  }

  /** @param {number} label */
  name(label) {
    return `y = ${this.regression ? fixed(label) : label}`;
  }

  /** @param {Own} own @param {string} said @param {State} [before] */
  take(own, said, before) {
    this.replace(this.#stateWith(own), said, before);
  }

  /** @param {State} state @param {string} said @param {State} [before] */
  replace(state, said, before = this.#state) {
    this.restore(state);
    this.#steps.take(before, this.#state);
    this.steps.value++;
    this.#store.announcer.say(said);
  }

  /** Trains on these points, without a step to undo. @param {Own} own */
  show(own) {
    this.restore(this.#stateWith(own));
  }

  /** @param {Own} own @returns {State} */
  #stateWith(own) {
    return { dataset: OWN, problem: this.#store.experiment.value.problem, ...own, origin: this.origin(own) };
  }

  /** @param {State} state */
  restore(state) {
    this.#store.change(state, { keepWeights: true });
  }

  /** @param {Point} place @param {number} label */
  add(place, label) {
    const { own } = this;
    if (own.points.length >= BY_HAND) {
      this.#store.complain(
        `${count(BY_HAND)} points are as many as can be set by hand. A table takes up to ${count(MAX_POINTS)}.`,
      );
      return;
    }
    this.take(
      added(own, place, label),
      `Added ${this.name(label)} at ${spoken(place)}, ${counted(own.points.length + 1, 'point')}`,
    );
  }

  /** @param {number} index */
  relabel(index) {
    const { own } = this;
    const label = this.other(own.labels[index]);
    this.take(relabelled(own, index, label), `Now ${this.name(label)}`);
  }

  /** @param {number} index */
  erase(index) {
    const { own } = this;
    this.take(erased(own, index), `Erased ${this.name(own.labels[index])}, ${counted(own.points.length - 1, 'point')}`);
  }

  start() {
    const { own } = this;
    this.take(
      {
        points: own.points.map(([x1, x2]) => /** @type {Point} */ ([hundredth(x1), hundredth(x2)])),
        labels: [...own.labels],
      },
      `${count(own.points.length)} points are yours to edit`,
    );
    this.tool.value ??= this.regression ? 'value' : 'one';
  }

  clear() {
    this.take({ points: [], labels: [] }, 'All points cleared. Undo brings them back.');
  }

  undo() {
    return this.#travel(this.#steps.undo(this.#state), 'Undone');
  }

  redo() {
    return this.#travel(this.#steps.redo(this.#state), 'Redone');
  }

  get #state() {
    return stateOf(this.#store.experiment.value);
  }

  /** @param {State | null} state @param {string} said */
  #travel(state, said) {
    if (!state) return false;
    this.restore(state);
    this.steps.value++;
    this.#store.announcer.say(said);
    return true;
  }
}

/** @param {Store} store @param {Find} find @param {Editor} edit */
function mountTool(store, find, edit) {
  const here = find('plot-tools');
  const tools = /** @type {HTMLButtonElement[]} */ (
    [find('own-tools'), here].flatMap((group) => [...group.querySelectorAll('[data-tool]')])
  );
  const layer = find('points-layer');
  /** Who has taken a tool in hand by touch may have the plane off the screen. */
  const show = () => layer.scrollIntoView({ block: 'nearest' });
  find('plot-tools-done').addEventListener('click', () => {
    edit.tool.value = null;
  });
  for (const button of tools) {
    const tool = /** @type {Tool} */ (button.dataset.tool);
    button.addEventListener('click', ({ detail }) => {
      edit.tool.value = edit.tool.value === tool ? null : tool;
      if (edit.tool.value === null) return;
      // Who chose by key goes on by key.
      if (detail === 0) layer.focus();
      else show();
    });
  }
  effect(() => {
    for (const button of tools) {
      const tool = button.dataset.tool;
      button.setAttribute('aria-pressed', String(tool === edit.tool.value));
      if (tool === 'value') button.hidden = !edit.regression;
      else if (tool === 'one' || tool === 'zero') button.hidden = edit.regression;
    }
    find('own-target').hidden = !edit.regression;
    here.hidden = edit.tool.value === null;
  });

  bindValue({
    input: /** @type {HTMLInputElement} */ (find('own-value')),
    problem: find('own-value-problem'),
    field: parameterField('Value'),
    value: () => edit.value.value,
    change: (value) => {
      edit.value.value = value;
    },
  });

  const undo = /** @type {HTMLButtonElement} */ (find('own-undo'));
  const redo = /** @type {HTMLButtonElement} */ (find('own-redo'));
  undo.addEventListener('click', () => edit.undo());
  redo.addEventListener('click', () => edit.redo());
  effect(() => {
    undo.disabled = !edit.canUndo.value;
    redo.disabled = !edit.canRedo.value;
  });

  const start = find('own-start');
  const clear = find('own-clear');
  /** Where the keys are once there is no such button any more. @param {HTMLElement} next @param {number} clicks */
  const goOn = (next, clicks) => {
    next.focus({ preventScroll: clicks > 0 });
    if (clicks > 0) show();
  };
  start.addEventListener('click', ({ detail }) => {
    edit.start();
    goOn(clear, detail);
  });
  clear.addEventListener('click', ({ detail }) => {
    edit.clear();
    goOn(clear.hidden ? tools[0] : clear, detail);
  });
  const line = find('own-count');
  effect(() => {
    const { points, labels } = edit.own;
    const own = store.setup.dataset.value === OWN;
    start.hidden = own;
    clear.hidden = !own || points.length === 0;
    const ones = labels.filter((label) => label === 1).length;
    const far = points.filter((point) => point.some((value) => value < PLANE[0] || value > PLANE[1])).length;
    const counts = edit.regression
      ? `${counted(points.length, 'point')}.`
      : `${counted(points.length, 'point')}: ${count(ones)} of y = 1, ${count(points.length - ones)} of y = 0.`;
    line.textContent = own
      ? store.obstacle.value || `${counts}${far > 0 ? ` ${counted(far, 'lies', 'lie')} beyond what is seen.` : ''}`
      : '';
    line.hidden = !own;
    line.classList.toggle('missing', store.obstacle.value !== '');
  });

  const download = /** @type {HTMLAnchorElement} */ (find('own-download'));
  effect(() => {
    const session = store.dialogue.session.value;
    const ready = session !== null && !store.obstacle.value;
    if (ready) download.href = serverPath(`/sessions/${session}/data.csv`);
    else download.removeAttribute('href');
    download.setAttribute('aria-disabled', String(!ready));
  });
}

/**
 * The layer over the plane that takes pointer and keys while a tool is in hand.
 *
 * @param {Store} store
 * @param {Find} find
 * @param {Editor} edit
 */
function mountLayer(store, find, edit) {
  const layer = find('points-layer');
  const cross = /** @type {SVGGElement} */ (layer.querySelector('.cross'));
  const ring = /** @type {SVGCircleElement} */ (layer.querySelector('.ring'));
  const empty = /** @type {HTMLElement} */ (layer.querySelector('.empty'));

  effect(() => {
    layer.hidden = edit.tool.value === null;
    layer.dataset.tool = edit.tool.value ?? '';
    empty.hidden = edit.own.points.length > 0;
  });

  /** @param {Point} place on the screen, from the layer's upper left corner */
  const pixels = ([x1, x2]) => {
    const [low, high] = PLANE;
    return [((x1 - low) / (high - low)) * layer.clientWidth, ((high - x2) / (high - low)) * layer.clientHeight];
  };
  /** @param {PointerEvent} event @returns {Point} */
  const place = ({ clientX, clientY }) => {
    const area = layer.getBoundingClientRect();
    const [low, high] = PLANE;
    return [
      within(low + ((clientX - area.left) / area.width) * (high - low)),
      within(high - ((clientY - area.top) / area.height) * (high - low)),
    ];
  };
  /** Those that are seen. */
  const shown = () => {
    const { points } = edit.own;
    if (store.experiment.value.showTest) return points;
    const test = new Set(store.points.value?.split.test);
    return points.map((point, index) => (test.has(index) ? /** @type {Point} */ ([NaN, NaN]) : point));
  };
  /** @param {PointerEvent} event */
  const hitBy = (event) => {
    const reach = REACH[/** @type {keyof typeof REACH} */ (event.pointerType)] ?? REACH.mouse;
    return nearest(shown(), place(event), (reach * (PLANE[1] - PLANE[0])) / layer.clientWidth);
  };
  /** @param {Element} mark @param {Point} at */
  const move = (mark, at) =>
    mark.setAttribute('transform', `translate(${pixels(at).map((value) => value.toFixed(1))})`);

  /**
   * What a pointer or the keys hold.
   *
   * @type {{index: number, own: Own, before: State, from: Point | null, moved: boolean, at: Point} | null}
   */
  let held = null;
  let shownAt = -Infinity;
  let clicked = { index: -1, time: -Infinity };

  /** @param {number} index @param {Point | null} from on the screen */
  const pick = (index, from) => {
    const { own } = edit;
    held = { index, own, before: stateOf(store.experiment.value), from, moved: false, at: own.points[index] };
    layer.toggleAttribute('data-dragging', true);
    move(ring, held.at);
  };
  /** @param {Point} at */
  const carry = (at) => {
    if (!held) return;
    Object.assign(held, { moved: true, at });
    move(ring, at);
    const now = performance.now();
    if (now - shownAt < DRAG_INTERVAL || !store.dialogue.settled) return;
    shownAt = now;
    edit.show(moved(held.own, held.index, at));
  };
  const put = () => {
    if (!held) return;
    const { index, own, before, at } = held;
    if (held.moved) edit.take(moved(own, index, at), `Moved ${edit.name(own.labels[index])} to ${spoken(at)}`, before);
    release();
  };
  const back = () => {
    if (held?.moved) edit.restore(held.before);
    release();
  };
  const release = () => {
    held = null;
    shownAt = -Infinity;
    layer.toggleAttribute('data-dragging', false);
  };

  const said = /** @type {HTMLElement} */ (layer.querySelector('.said'));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let unsaid;
  /** Says at the plot why a tap or click has changed nothing. @param {string} text */
  const say = (text) => {
    const line = /** @type {HTMLElement} */ (said.firstElementChild);
    line.textContent = text;
    store.announcer.say(text);
    said.hidden = false;
    clearTimeout(unsaid);
    unsaid = setTimeout(hush, SAID);
  };
  const hush = () => {
    said.hidden = true;
  };

  /** A finger on the plane that has not moved yet. @type {PointerEvent | null} */
  let finger = null;
  /** @param {PointerEvent} event */
  const touched = (event) => {
    finger = event;
    if (edit.tool.value !== 'move') return;
    const index = hitBy(event);
    if (index < 0) return;
    pick(index, [event.clientX, event.clientY]);
    layer.setPointerCapture(event.pointerId);
  };
  /** @param {PointerEvent} event */
  const tapped = (event) => {
    layer.focus({ preventScroll: true });
    const label = edit.label(false);
    const index = hitBy(event);
    if (label !== null) {
      const under = nearest(shown(), place(event), (ON_IT * (PLANE[1] - PLANE[0])) / layer.clientWidth);
      if (under >= 0 && edit.own.labels[under] !== label) edit.relabel(under);
      else edit.add(place(event), label);
    } else if (index < 0) say(edit.tool.value === 'erase' ? 'No point here to erase' : 'No point here to move');
    else if (edit.tool.value === 'erase') edit.erase(index);
    else say('Hold it and drag');
  };
  // What scrolls the page is decided here: a finger that holds a point does not.
  layer.addEventListener('touchstart', (event) => held && event.preventDefault(), { passive: false });

  layer.addEventListener('pointerdown', (event) => {
    hush();
    if (event.button !== 0 || !event.isPrimary) return;
    if (event.pointerType === 'touch') {
      touched(event);
      return;
    }
    layer.focus({ preventScroll: true });
    event.preventDefault();
    const index = hitBy(event);
    const again = index >= 0 && index === clicked.index && event.timeStamp - clicked.time < DOUBLE;
    clicked = { index, time: event.timeStamp };
    if (edit.tool.value === 'erase') {
      if (index >= 0) edit.erase(index);
      else say('No point here to erase');
      return;
    }
    if (again) {
      clicked.index = -1;
      edit.relabel(index);
      return;
    }
    if (index >= 0) {
      pick(index, [event.clientX, event.clientY]);
      layer.setPointerCapture(event.pointerId);
      return;
    }
    const label = edit.label(event.shiftKey);
    if (label !== null) edit.add(place(event), label);
    else say('No point here to move');
  });
  layer.addEventListener('pointermove', (event) => {
    if (finger && Math.hypot(event.clientX - finger.clientX, event.clientY - finger.clientY) >= TAPPED) finger = null;
    if (held?.from) {
      const [x, y] = held.from;
      if (held.moved || Math.hypot(event.clientX - x, event.clientY - y) >= DRAGGED) carry(place(event));
      return;
    }
    const index = event.pointerType === 'touch' ? -1 : hitBy(event);
    layer.toggleAttribute('data-hit', index >= 0);
    if (index >= 0) move(ring, edit.own.points[index]);
  });
  layer.addEventListener('pointerup', () => {
    const tap = held?.moved ? null : finger;
    const clickedOn = held?.from && !held.moved && !tap;
    finger = null;
    if (held?.from) put();
    if (tap) tapped(tap);
    else if (clickedOn) say(`Drag it, or double-click it for ${edit.regression ? 'this value' : 'the other class'}`);
  });
  layer.addEventListener('pointercancel', () => {
    finger = null;
    if (held?.from) back();
  });
  layer.addEventListener('pointerleave', () => layer.toggleAttribute('data-hit', false));

  /** @type {Point} */
  let at = [0, 0];
  /** @param {Point} to */
  const crossAt = (to) => {
    at = to;
    move(cross, at);
  };
  const under = () => nearest(shown(), at, KEY_REACH);
  /** What a key does to the point under the crosshair. @param {(index: number) => void} act */
  const toPoint = (act) => () => {
    const index = under();
    if (held) return;
    if (index >= 0) act(index);
    else store.announcer.say('There is no point here');
  };
  const tell = () => {
    const index = under();
    store.announcer.say(
      index >= 0 && !held ? `${spoken(at)}, on a point of ${edit.name(edit.own.labels[index])}` : spoken(at),
    );
  };
  layer.addEventListener('focus', () => crossAt(at));
  layer.addEventListener('blur', () => held && !held.from && back());
  new ResizeObserver(() => crossAt(at)).observe(layer);

  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const keys = {
    Enter({ shiftKey }) {
      if (held) return put();
      const index = under();
      const label = edit.label(shiftKey);
      if (label !== null) edit.add(at, label);
      else if (index < 0) store.announcer.say('There is no point here');
      else if (edit.tool.value === 'erase') edit.erase(index);
      else {
        pick(index, null);
        store.announcer.say(`Picked up ${edit.name(edit.own.labels[index])}. Arrows carry it, Enter puts it down.`);
      }
      return undefined;
    },
    Delete: toPoint((index) => edit.erase(index)),
    Backspace: toPoint((index) => edit.erase(index)),
    l: toPoint((index) => edit.relabel(index)),
    Escape() {
      if (held) return back();
      const button = /** @type {HTMLElement | null} */ (find('own-tools').querySelector('[aria-pressed="true"]'));
      edit.tool.value = null;
      button?.focus();
      return undefined;
    },
  };
  layer.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const key = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!arrow && !key) return;
    event.preventDefault();
    if (key) {
      key(event);
      return;
    }
    const step = event.shiftKey ? LARGE_STEP : STEP;
    crossAt([within(hundredth(at[0] + arrow[0] * step)), within(hundredth(at[1] + arrow[1] * step))]);
    if (held) carry(at);
    tell();
  });
}
