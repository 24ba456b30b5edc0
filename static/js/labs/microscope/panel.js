/**
 * The backprop microscope: one iteration in the lecture's notation, with live numbers, beside what finite differences
 * say; fetched when its panel is first opened.
 */

import { nothing, render } from '../../../vendor/lit-html/lit-html.js';
import { computed, effect, signal, untracked } from '../../../vendor/signals-core/signals-core.js';
import { count } from '../../format.js';
import { together } from '../../signals.js';
import { bindSignal } from '../../views/choice.js';
import { whenOpen } from '../../views/drawer.js';
import { aimOnPlane, mountAim, showFacts } from './aim.js';
import { mountCheck } from './check.js';
import { Follower } from './follow.js';
import { mountIteration, verdict } from './iteration.js';
import { AGREES, linesOf, verdictOf } from './lines.js';
import { mountMotion } from './motion.js';

/** @typedef {import('../../store/state.js').Store} Store */
/** @typedef {import('../../types/painting').Emphasis} Emphasis */
/** @typedef {import('../../types/protocol').Inspection} Inspection */
/** @typedef {import('./follow.js').Aim} Aim */
/** @typedef {(id: string) => HTMLElement} Find */

const PANEL = 'microscope';

/** @param {Store} store @param {Find} find @param {import('../../views/drawer.js').Tables} tables */
export function mount(store, find, { catalogue }) {
  const aim = signal(/** @type {Aim} */ ({ of: 'batch' }));
  const task = signal(/** @type {'iteration' | 'check'} */ ('iteration'));
  const follower = new Follower(store, aim);
  const { inspection } = follower;
  const lines = computed(() => (inspection.value ? linesOf(inspection.value) : []));
  const pointing = signal(/** @type {Emphasis | null} */ (null));
  const motion = mountMotion(store, find, lines);
  mountAim(store, find, aim);
  bindSignal(find('microscope-task'), task);
  const openIteration = mountIteration(find('microscope-lines'), {
    lines,
    step: motion.step,
    pointed: store.attention.pointed,
    point: (emphasis) => {
      pointing.value = emphasis;
    },
    choose: (column) => {
      const example = inspection.peek()?.examples?.[column];
      if (example !== undefined) aim.value = { of: 'example', example };
    },
  });
  const openCheck = mountCheck(store, find('microscope-check'), catalogue, inspection);

  whenOpen(store, PANEL, () => {
    return effect(() => {
      const isCheck = task.value === 'check';
      find('microscope').dataset.task = task.value;
      for (const id of ['microscope-aim', 'microscope-motion', 'microscope-note', 'microscope-lines'])
        find(id).toggleAttribute('data-away', isCheck);
      find('microscope-check').hidden = !isCheck;
      return untracked(isCheck ? openCheck : watch);
    });
  });

  /** Shows the iteration, until what it returns is called. @returns {() => void} */
  function watch() {
    return together(
      openIteration(),
      motion.open(),
      aimOnPlane(store, aim, find),
      follower.start(),
      effect(() => {
        showFacts(store, inspection.value, find('aim-facts'));
      }),
      effect(() => {
        const now = inspection.value;
        // A lesson's next step begins with nothing done, whatever is still shown.
        if (now && store.deeds.value.inspected !== now.of) store.did({ inspected: now.of });
      }),
      effect(() => {
        find('microscope-note').textContent = note(inspection.value);
      }),
      effect(() => {
        const place = find('microscope-verdict');
        const said = inspection.value && verdictOf(inspection.value);
        place.hidden = !said;
        place.dataset.agrees = String(said?.agrees ?? 'unknown');
        place.title = said?.agrees === null ? '' : AGREES;
        render(said ? verdict(said) : nothing, place);
      }),
      effect(() => {
        const at = motion.step.value;
        const line = at === null ? null : lines.value[at];
        store.attention.emphasis.value =
          pointing.value ?? (line ? { ...(line.shows ?? line.result.part), way: line.way } : null);
      }),
      () => {
        store.attention.emphasis.value = null;
        find('microscope-verdict').hidden = true;
      },
    );
  }

  /** What there is to say beside the numbers, or instead of them. @param {Inspection | null} shown */
  function note(shown) {
    if (store.obstacle.value) return store.obstacle.value;
    if (store.dialogue.connection.value === 'connecting') return 'Connecting: the numbers come from the server.';
    if (store.dialogue.connection.value === 'reconnecting')
      return shown
        ? `Reconnecting. These are the numbers of iteration ${count(shown.iteration)}.`
        : 'Reconnecting: the numbers come from the server.';
    if (follower.problem.value) return follower.problem.value;
    if (!shown) return 'The numbers are on their way.';
    if (store.current.halted.value === 'diverged')
      return 'This run has diverged. These are its last numbers that were finite; from here there is no next step.';
    if (shown.losses === null)
      return 'Without a label there is no loss, and nothing to take back. Give the point one to go on.';
    return shown.check?.detail ?? '';
  }
}
