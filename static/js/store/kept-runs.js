/**
 * The runs of this browser: what each was, and what became of it. They are kept in the browser's storage.
 *
 * What if it is full: the oldest run goes.
 */

import { signal } from '../../vendor/signals-core/signals-core.js';
import { defaultsOf, experimentOf, runSpec } from '../experiment/experiment.js';
import { bytesOf } from '../painting/map.js';

/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Boundary} Boundary */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').RunSpec} RunSpec */
/** @typedef {import('./current-run.js').Run} Run */
/** @typedef {'diverged' | 'ended' | 'stopped' | null} Outcome null is that another run took its place */

/**
 * @typedef {object} StoredRun as it is stored
 * @property {string} id
 * @property {string} name given by the reader; '' is none
 * @property {number} when it was left, in milliseconds since 1970
 * @property {RunSpec} spec
 * @property {Outcome} outcome
 * @property {number} iterations
 * @property {number} cost of training, at the end
 * @property {number | null} testCost
 * @property {number | null} trainAccuracy
 * @property {number | null} testAccuracy
 * @property {import('./history.js').Curve} curve thinned; its last point is the last iteration's
 * @property {import('./history.js').Curve | null} [means] with mini-batches: of an epoch's costs
 * @property {number[]} marks the costs of iterations 0, 1, 3, 7, …, by which a run that goes another way is known
 * @property {string} picture ŷ over the plane: base64 of a byte each, row 0 lowest; '' is none
 */
/** @typedef {StoredRun & {experiment: Experiment}} KeptRun */

export const MOST_RUNS = 50;
/** Characters in the browser's storage; browsers give a page some five million. */
const MOST_STORED = 2_000_000;
/** Shorter runs are mere tries, unless they have come to an end. */
const FEWEST_ITERATIONS = 10;
const CURVE_COLUMNS = 200;
const PICTURE_SIZE = 48;
const KEY = 'runs';
/**
 * Storing half a megabyte takes some milliseconds, and a run is left just when the next one is waited for
 * (milliseconds).
 */
const STORE_AFTER = 500;
/** While a reader waits for a picture it waits too, for so long at a time. */
const GIVE_WAY = 120;

export class KeptRuns {
  /** The latest first. @type {import('../../vendor/signals-core/signals-core.js').Signal<KeptRun[]>} */
  list = signal(/** @type {KeptRun[]} */ ([]));
  /** Whether the browser keeps them when the page is closed. */
  stored = signal(true);
  #catalogue;
  /** Whether the list is to be stored. */
  #unstored = false;
  #awaited = () => false;
  #storeDue = () => {
    if (this.#awaited()) setTimeout(this.#storeDue, GIVE_WAY);
    else this.store();
  };
  /** What each is stored as. @type {WeakMap<KeptRun, string>} */
  #rows = new WeakMap();

  /** @param {Catalogue} catalogue */
  constructor(catalogue) {
    this.#catalogue = catalogue;
    this.#load();
    // Another tab's runs are this one's too.
    addEventListener('storage', ({ key }) => key === KEY && !this.#unstored && this.#load());
  }

  /** Keeps a run, or what has become of it since it was kept. @param {Run} run */
  enter({ experiment, history, picture, halted }) {
    const iterations = history.length;
    if (iterations < (halted ? 1 : FEWEST_ITERATIONS)) return;
    const spec = structuredClone(runSpec(experiment));
    const text = JSON.stringify(spec);
    const { run } = picture;
    const atEnd = picture.iteration >= iterations;
    const cost = atEnd ? run.train_cost : history.costs[iterations - 1];
    const { line, batches } = history.curves(CURVE_COLUMNS);
    const curve = batches ?? line;
    if (curve.x.at(-1) !== iterations - 1) {
      curve.x.push(iterations - 1);
      curve.y.push(history.costs[iterations - 1]);
    }
    /** @type {number[]} */
    const marks = [];
    for (let at = 0; at < iterations; at = 2 * at + 1) marks.push(history.costs[at]);
    const twin = this.list.value.find(
      (kept) =>
        JSON.stringify(kept.spec) === text &&
        kept.marks.every((mark, index) => index >= marks.length || mark === marks[index]),
    );
    if (twin && twin.iterations > iterations) return;
    // After a seek the latest frame is of an earlier iteration, so keep what was known of the end.
    const before = !atEnd && twin?.iterations === iterations ? twin : null;
    const {
      testCost,
      trainAccuracy,
      testAccuracy,
      picture: seen,
    } = before ?? {
      testCost: run.test_cost,
      trainAccuracy: run.train_accuracy,
      testAccuracy: run.test_accuracy,
      picture: pictureOf(run.boundary),
    };
    /** @type {KeptRun} */
    const kept = {
      id: twin?.id ?? crypto.getRandomValues(new Uint32Array(2)).join('-'),
      name: twin?.name ?? '',
      when: Date.now(),
      spec,
      experiment,
      outcome: halted ?? twin?.outcome ?? null,
      iterations,
      cost,
      testCost,
      trainAccuracy,
      testAccuracy,
      curve,
      means: batches && { x: line.x, y: line.y.map((mean) => Number(mean.toPrecision(6))) },
      marks,
      picture: seen,
    };
    this.#keep([kept, ...this.list.value.filter((other) => other !== twin)]);
  }

  /** @param {string} id @param {string} name */
  rename(id, name) {
    this.#keep(this.list.value.map((run) => (run.id === id ? { ...run, name } : run)));
  }

  /** @param {string} id */
  remove(id) {
    this.#keep(this.list.value.filter((run) => run.id !== id));
  }

  /** Takes a removal back. @param {KeptRun} run @param {number} index where it was */
  putBack(run, index) {
    this.#keep(this.list.value.toSpliced(index, 0, run));
  }

  /** Has what takes long wait while somebody else does. @param {() => boolean} awaited */
  giveWay(awaited) {
    this.#awaited = awaited;
  }

  /** Stores what is to be stored: at the latest when the page is left. */
  store() {
    if (!this.#unstored) return;
    this.#unstored = false;
    const rows = this.list.value.map((run) => this.#row(run));
    let total = 0;
    const fit = rows.filter((row) => {
      total += row.length;
      return total <= MOST_STORED;
    });
    try {
      localStorage.setItem(KEY, `[${fit.join(',')}]`);
      this.stored.value = fit.length === rows.length;
    } catch {
      this.stored.value = false;
    }
  }

  /** @param {KeptRun[]} runs */
  #keep(runs) {
    this.list.value = runs.slice(0, MOST_RUNS);
    if (!this.#unstored) setTimeout(this.#storeDue, STORE_AFTER);
    this.#unstored = true;
  }

  /** @param {KeptRun} run */
  #row(run) {
    const { experiment: _, ...kept } = run;
    const row = this.#rows.get(run) ?? JSON.stringify(kept);
    this.#rows.set(run, row);
    return row;
  }

  #load() {
    /** @type {unknown} */
    let rows = [];
    try {
      rows = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    } catch {
      this.stored.value = false;
    }
    this.list.value = Array.isArray(rows) ? rows.flatMap((row) => this.#read(row)).slice(0, MOST_RUNS) : [];
  }

  /** What an earlier version of the page wrote otherwise is left out. @param {StoredRun} row @returns {KeptRun[]} */
  #read(row) {
    try {
      const whole =
        [row.iterations, row.cost, row.when, ...row.marks].every(Number.isFinite) &&
        [row.curve, ...(row.means ? [row.means] : [])].every(
          ({ x, y }) => x.length === y.length && [...x, ...y].every(Number.isFinite),
        );
      const experiment = { ...defaultsOf(this.#catalogue), ...experimentOf(row.spec, this.#catalogue) };
      return whole && typeof row.id === 'string' && typeof row.name === 'string' && typeof row.picture === 'string'
        ? [{ ...row, experiment }]
        : [];
    } catch {
      return [];
    }
  }
}

/** Fewer samples of it. @param {Boundary | undefined} boundary */
function pictureOf(boundary) {
  if (!boundary) return '';
  const { values, width, height } = boundary;
  /** @param {number} index @param {number} length */
  const nearest = (index, length) => Math.round((index * (length - 1)) / (PICTURE_SIZE - 1));
  const sampled = Array.from(
    { length: PICTURE_SIZE ** 2 },
    (_, at) => values[nearest(Math.floor(at / PICTURE_SIZE), height) * width + nearest(at % PICTURE_SIZE, width)],
  );
  return btoa(String.fromCharCode(...sampled));
}

/** A kept picture's samples. @param {string} picture @returns {Pick<Boundary, 'width' | 'height' | 'values'>} */
export const samplesOf = (picture) => ({
  width: PICTURE_SIZE,
  height: PICTURE_SIZE,
  values: bytesOf(picture),
});

/** The columns of the table to take away. @type {[string, (run: KeptRun, words: string) => unknown][]} */
const COLUMNS = [
  ['name', ({ name }) => name],
  ['experiment', (_, words) => words],
  ['left', ({ when }) => new Date(when).toISOString()],
  ['outcome', ({ outcome }) => outcome],
  ['iterations', ({ iterations }) => iterations],
  ['cost', ({ cost }) => cost],
  ['test_cost', ({ testCost }) => testCost],
  ['train_accuracy', ({ trainAccuracy }) => trainAccuracy],
  ['test_accuracy', ({ testAccuracy }) => testAccuracy],
  ['spec', ({ spec }) => JSON.stringify(spec)],
];

/** @param {KeptRun[]} runs @param {(run: KeptRun) => string} words */
export function csvOf(runs, words) {
  const rows = [
    COLUMNS.map(([name]) => name),
    ...runs.map((run) => COLUMNS.map(([, read]) => cell(read(run, words(run))))),
  ];
  return rows.map((row) => `${row.join(',')}\r\n`).join('');
}

/** A text that a spreadsheet would take for a formula gets an apostrophe before it. @param {unknown} value */
function cell(value) {
  if (typeof value === 'number') return String(value);
  const text = String(value ?? '');
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
