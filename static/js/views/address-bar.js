/** The experiment into the browser's address, and back when the reader goes back or edits it. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { fromHash, withKept } from '../experiment/address.js';
import { inLink, OWN, sameRun } from '../experiment/experiment.js';
import { forgetPoints, keepPoints, nameOf } from '../experiment/kept-points.js';

/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {import('../experiment/saved.js').SavedRun} SavedRun */
/** @typedef {import('../store/state.js').Store} Store */

/** Changes that come as fast as this are one entry in the browser's history (milliseconds). */
const ONE_CHANGE = 1000;
const WRITE_INTERVAL = 120;

/** What an experiment's address is compared with. */
const here = () => location.pathname + location.search + location.hash;

/** @param {Experiment} experiment */
const hasOwn = ({ dataset, points }) => dataset === OWN && points.length > 0;

/**
 * @param {Store} store
 * @param {Fields} fields
 * @param {Experiment} defaults
 * @param {SavedRun | null} saved
 * @param {(experiment: Experiment) => string} addressOf
 * @param {string[]} mistakes in the address that the page was opened by
 */
export function mountAddress(store, fields, defaults, saved, addressOf, mistakes) {
  /** With the name of the own points that this browser keeps, where no link holds them. @param {Experiment} experiment */
  function keptAddress(experiment) {
    const address = addressOf(experiment);
    const same = saved?.experiment && sameRun(experiment, saved.experiment);
    return same ? address : withKept(address, experiment, fields);
  }

  /** Asks whoever leaves. @type {AbortController | null} */
  let leaving = null;
  /** Own points outlive the page, or the reader is asked before it goes. @param {Experiment} experiment */
  function ask(experiment) {
    const lost = !set.outlives && !(hasOwn(experiment) && inLink(experiment, fields));
    if (lost === (leaving !== null)) return;
    leaving?.abort();
    leaving = null;
    if (!lost) return;
    leaving = new AbortController();
    addEventListener('beforeunload', (event) => event.preventDefault(), { signal: leaving.signal });
    store.notice.value = {
      kind: 'problem',
      text: 'This browser does not keep your own points, and no address can hold them: download them before you leave.',
    };
  }
  /** @param {Experiment} experiment @param {boolean} only whether no other entry of the browser's history refers to it */
  function keepSet(experiment, only) {
    const name = experiment.points.length > 0 ? nameOf(experiment) : null;
    return { name, outlives: name === null || keepPoints(experiment), only };
  }
  let set = keepSet(store.experiment.peek(), false);
  ask(store.experiment.peek());
  /** What is about to be in the address, in an entry of its own or not. @param {Experiment} experiment @param {boolean} entry */
  function keep(experiment, entry) {
    const { name, only } = set;
    const next = experiment.points.length > 0 ? nameOf(experiment) : null;
    if (next !== name) {
      set = keepSet(experiment, true);
      if (name && next && only && !entry) forgetPoints(name);
    } else if (entry) set.only = false;
    ask(experiment);
  }

  /** What is said of an address. @type {import('../store/state.js').Notice | null} */
  let said = null;
  /** What was said of the address before is out of date. @param {string[]} problems of the address */
  function complain(problems) {
    if (said && store.notice.peek() === said) store.notice.value = null;
    said = null;
    if (problems.length === 0) return;
    store.complain(`Part of this link could not be used. ${problems.join(' ')}`);
    said = store.notice.peek();
  }

  let before = store.experiment.peek();
  let changed = -Infinity;
  /** What the page has last read or written there; else the reader has just edited it, and is about to be heard. */
  let known = here();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  /** What waits to be written, and whether it is an entry of its own. @type {{write: () => void, entry: boolean} | null} */
  let unwritten = null;
  function forgetUnwritten() {
    clearTimeout(waiting);
    unwritten = null;
  }
  /** @param {() => void} write */
  function later(write) {
    waiting = setTimeout(write, WRITE_INTERVAL);
  }
  addEventListener('pagehide', () => unwritten?.write());
  effect(() => {
    const now = store.experiment.value;
    const address = keptAddress(now);
    const owed = unwritten?.entry ?? false;
    forgetUnwritten();
    if (address !== here()) {
      const passed = performance.now() - changed;
      // A point more is no step of the browser's: the page undoes it itself.
      const turned = before.lesson !== now.lesson || before.step !== now.step;
      // That all are gone is one: Back finds them again, also after a reload, when nothing can be undone.
      const cleared = hasOwn(before) && now.dataset === OWN && now.points.length === 0;
      const another = !sameRun({ ...before, points: now.points, labels: now.labels }, now) && passed > ONE_CHANGE;
      // Within a lesson the browser goes back and forth between its steps.
      const entry = owed || turned || (!now.lesson && (cleared || another));
      const writeNow = () => {
        forgetUnwritten();
        if (here() !== known) return;
        keep(now, entry);
        history[entry ? 'pushState' : 'replaceState'](null, '', address);
        known = here();
      };
      // While something is dragged: browsers allow only so many a second. And it takes as long as a frame, so that who
      // sees it train sees the picture first.
      const awaits = store.dialogue.playing.peek() && !sameRun(before, now);
      const write = () => (store.awaited ? later(write) : writeNow());
      if ((passed < WRITE_INTERVAL || awaits) && !turned) {
        unwritten = { write: writeNow, entry };
        later(write);
      } else writeNow();
      changed = performance.now();
    }
    before = now;
  });
  const follow = () => {
    if (here() === known) return;
    const base = location.pathname === saved?.path ? saved.experiment : null;
    const { experiment, problems } = fromHash(location.hash, base ?? defaults, fields);
    forgetUnwritten();
    known = here();
    set = keepSet(experiment, false);
    before = experiment;
    changed = performance.now();
    store.change(experiment);
    complain(problems);
    ask(experiment);
  };
  // Between two addresses without a hash, such as a saved run's and the page's own, nothing says that one changed.
  for (const kind of ['hashchange', 'popstate']) addEventListener(kind, follow);
  complain(mistakes);
  if (saved && !saved.experiment)
    store.complain('Nothing is saved under this link, or no longer. This is the experiment that the page begins with.');
}
