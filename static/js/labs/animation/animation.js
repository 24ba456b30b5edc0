/**
 * A run as a film: its boundary and its cost from one iteration to another, as WebM. The pictures are the server's, of
 * exactly the iterations that are shown; then they are recorded as they play.
 *
 * What if it is much: a film is a minute long at most, of at most twenty pictures a second, which are some ten kilobytes
 * each; what is recorded has a bound too, and is told before.
 */

import { effect, signal } from '../../../vendor/signals-core/signals-core.js';
import { download } from '../../download.js';
import { sameRun } from '../../experiment/experiment.js';
import { number } from '../../experiment/field.js';
import { summary } from '../../experiment/words.js';
import { count, counted } from '../../format.js';
import { closesBy } from '../../views/closing.js';
import { bindNumber, iteration } from '../../views/value.js';
import { filmOf, SIZE } from './film.js';
import { mostBytes, RATE, record, recordable } from './recorder.js';

/** @typedef {import('../../store/state.js').Store} Store */
/** @typedef {import('../../store/current-run.js').Picture} Picture */
/** @typedef {import('../../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../../types/protocol').Catalogue} Catalogue */

/** Seconds. */
const LONGEST = 60;
const USUAL = 10;
/** A picture comes within this time or never: the page is hidden, or the connection is down (milliseconds). */
const LOST = 15_000;
/** Characters of a file's name. */
const LONGEST_NAME = 80;

const NOT_HERE = 'This browser can’t record WebM (VP8 or VP9). Firefox, Chrome and Edge can.';
const HIDDEN =
  'The page was hidden meanwhile, and then a browser draws nothing. Record it again, and leave the page in view.';

const ANOTHER = 'Another run has begun meanwhile. Record it again.';

/**
 * The iterations of a film: no more than it has pictures, both ends among them.
 *
 * @param {number} from
 * @param {number} to
 * @param {number} seconds
 */
export function iterationsOf(from, to, seconds) {
  const pictures = Math.min(to - from + 1, Math.max(2, Math.round(seconds * RATE)));
  return Array.from({ length: pictures }, (_, index) => from + Math.round((index * (to - from)) / (pictures - 1)));
}

/** @param {string} words what is trained @param {number} from @param {number} to */
export function nameOf(words, from, to) {
  const plain = words
    .replaceAll('α', 'rate')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\w.]+/g, '-')
    .slice(0, LONGEST_NAME)
    .replace(/^-|[-.]+$/g, '');
  return `shallows-${plain}-${from}-to-${to}.webm`;
}

/** @param {number} bytes */
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Catalogue} catalogue
 * @param {Experiment} defaults
 * @returns {{open: () => void}}
 */
export function mount(store, find, catalogue, defaults) {
  const dialog = /** @type {HTMLDialogElement} */ (find('animation-dialog'));
  const canvas = /** @type {HTMLCanvasElement} */ (find('animation-picture'));
  const start = /** @type {HTMLButtonElement} */ (find('animation-start'));
  const cancel = find('animation-cancel');
  const bar = /** @type {HTMLProgressElement} */ (find('animation-progress'));
  const told = find('animation-told');
  const problem = find('animation-problem');
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
  Object.assign(canvas, SIZE);

  const inputs = ['animation-from', 'animation-to', 'animation-seconds'].map(
    (id) => /** @type {HTMLInputElement} */ (find(id)),
  );
  const [from, to, seconds] = [signal(0), signal(1), signal(USUAL)];
  /** Whether the film goes on to where the run is, which pauses a little later than it is asked to. */
  let whole = true;
  /** What is under way. @type {AbortController | null} */
  let making = null;

  /**
   * @param {string} id
   * @param {string} label
   * @param {import('../../../vendor/signals-core/signals-core.js').Signal<number>} value
   * @param {() => [low: number, high: number]} limits
   */
  const bindIteration = (id, label, value, limits) =>
    bindNumber(find, id, {
      field: iteration(label, limits),
      value: () => value.value,
      change: (chosen) => {
        value.value = chosen;
      },
    });
  bindIteration('animation-from', 'From', from, () => [0, to.peek() - 1]);
  bindIteration('animation-to', 'To', to, () => [from.peek() + 1, store.current.furthest]);
  find('animation-to').addEventListener('input', () => {
    whole = false;
  });
  effect(() => {
    void store.current.picture.value;
    if (dialog.open && whole && !making) to.value = Math.max(1, store.current.furthest);
  });
  bindNumber(find, 'animation-seconds', {
    field: number('', 'Seconds', [1, LONGEST]),
    value: () => seconds.value,
    change: (value) => {
      seconds.value = value;
    },
  });
  effect(() => {
    const { length } = iterationsOf(from.value, to.value, seconds.value);
    const each = (to.value - from.value) / seconds.value;
    find('animation-about').textContent =
      `${count(length)} pictures of ${count(SIZE.width)} × ${SIZE.height} pixels, ` +
      `${counted(Math.max(1, Math.round(each)), 'iteration')} a second, ` +
      `at most ${megabytes(mostBytes(seconds.value))}. First the pictures are fetched; to record them then takes as long as the film.`;
  });

  /** @param {'' | 'fetching' | 'recording'} what */
  const show = (what) => {
    const busy = what !== '';
    for (const input of inputs) input.disabled = busy;
    start.disabled = busy || recordable() === null || store.current.furthest < 1;
    bar.hidden = !busy;
    cancel.textContent = busy ? 'Cancel' : 'Close';
    if (busy) told.textContent = what === 'fetching' ? 'Fetching the pictures' : 'Recording';
    if (busy) bar.setAttribute('aria-label', told.textContent ?? '');
  };

  /** @param {AbortController} mine */
  const make = async (mine) => {
    const over = mine.signal;
    const [first, last, length] = [from.peek(), to.peek(), seconds.peek()];
    const type = recordable();
    const words = summary(store.running, defaults, catalogue);
    if (type === null) return;
    show('fetching');
    const before = store.current.picture.peek()?.iteration ?? 0;
    const film = filmNow();
    const [{ history }, setUp] = [store.current, store.experiment.peek()];
    const goesOn = () =>
      store.current.history === history && store.dialogue.settled && sameRun(store.experiment.value, setUp);
    // What a class's teacher sends, say, may begin at any time.
    const stop = effect(() => {
      void store.current.picture.value;
      if (!goesOn()) mine.abort(new Error(ANOTHER));
    });
    try {
      const pictures = await fetchPictures(store, iterationsOf(first, last, length), over, (picture, share) => {
        bar.value = share;
        film.draw(context, picture);
      });
      show('recording');
      const blob = await record(
        canvas,
        type,
        length,
        (share) => {
          bar.value = share;
          film.draw(context, pictures[Math.min(pictures.length - 1, Math.floor(share * pictures.length))]);
        },
        over,
      );
      const name = nameOf(words, first, last);
      download(blob, name);
      told.textContent = `Saved as ${name}: ${length} s, ${megabytes(blob.size)}.`;
    } finally {
      stop();
      if (goesOn()) store.seek(before);
    }
  };
  const filmNow = () => filmOf(store, summary(store.running, defaults, catalogue), to.peek(), isLog(find));

  start.addEventListener('click', async () => {
    const mine = new AbortController();
    making = mine;
    const hide = () => document.hidden && mine.abort(new Error(HIDDEN));
    document.addEventListener('visibilitychange', hide);
    problem.textContent = '';
    cancel.focus();
    try {
      await make(mine);
    } catch (error) {
      told.textContent = '';
      if (error !== CANCELLED) problem.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      document.removeEventListener('visibilitychange', hide);
      making = null;
      show('');
      if (dialog.open && document.activeElement === cancel) start.focus();
    }
  });
  cancel.addEventListener('click', () => (making ? making.abort(CANCELLED) : dialog.close()));
  closesBy(dialog, find('animation-close'));
  dialog.addEventListener('cancel', (event) => {
    if (!making) return;
    // Escape ends what is under way; once more closes.
    event.preventDefault();
    making.abort(CANCELLED);
  });
  dialog.addEventListener('close', () => making?.abort(CANCELLED));

  return {
    open() {
      if (store.dialogue.playing.peek()) store.pause();
      whole = true;
      from.value = 0;
      to.value = Math.max(1, store.current.furthest);
      told.textContent = '';
      problem.textContent =
        recordable() === null
          ? NOT_HERE
          : store.current.furthest < 1
            ? 'There is nothing to show yet: Play first.'
            : '';
      show('');
      dialog.showModal();
      (start.disabled ? cancel : start).focus();
      const picture = store.current.picture.peek();
      if (picture) filmNow().draw(context, picture);
    },
  };
}

/** What ends a film that its reader does not want any more. */
const CANCELLED = new Error('cancelled');

/** @param {(id: string) => HTMLElement} find */
const isLog = (find) =>
  /** @type {HTMLInputElement | null} */ (find('scale').querySelector('input:checked'))?.value === 'log';

/**
 * The pictures of some iterations, one after the other, as the server has them.
 *
 * @param {Store} store
 * @param {number[]} iterations
 * @param {AbortSignal} over
 * @param {(picture: Picture, share: number) => void} each
 */
async function fetchPictures(store, iterations, over, each) {
  /** @type {Picture[]} */
  const pictures = [];
  for (const iteration of iterations) {
    store.seek(iteration);
    const picture = await seen(store, iteration, over);
    pictures.push(picture);
    each(picture, pictures.length / iterations.length);
  }
  return pictures;
}

/**
 * The picture of the iteration that was sought, once it is there.
 *
 * @param {Store} store
 * @param {number} iteration
 * @param {AbortSignal} over
 * @returns {Promise<Picture>}
 */
function seen(store, iteration, over) {
  const patience = AbortSignal.any([over, AbortSignal.timeout(LOST)]);
  return new Promise((resolve, reject) => {
    let stop = () => {};
    const fail = () => {
      stop();
      reject(over.aborted ? over.reason : new Error(`The picture of iteration ${count(iteration)} did not come.`));
    };
    if (patience.aborted) return fail();
    patience.addEventListener('abort', fail, { once: true });
    stop = effect(() => {
      const picture = store.current.picture.value;
      if (store.dialogue.sought.value !== null || picture?.iteration !== iteration) return;
      // An effect can't stop itself before it is there.
      queueMicrotask(() => {
        stop();
        patience.removeEventListener('abort', fail);
        resolve(picture);
      });
    });
    return undefined;
  });
}
