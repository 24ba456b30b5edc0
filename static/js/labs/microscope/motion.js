/** One iteration line by line: by hand or, unless the reader asked for less motion, by itself. */

import { computed, effect, signal } from '../../../vendor/signals-core/signals-core.js';
import { together } from '../../signals.js';

/** @typedef {import('./lines.js').Line} Line */
/** @typedef {import('../../store/state.js').Store} Store */
/** @typedef {(id: string) => HTMLElement} Find */
/** @template T @typedef {import('../../../vendor/signals-core/signals-core.js').ReadonlySignal<T>} ReadonlySignal */

/** So long a line is looked at (milliseconds). */
const PACE = 2800;
/** @type {Record<Line['way'], string>} */
const WAYS = { forward: 'Forward', backward: 'Backward', update: 'Update' };

/**
 * @param {Store} store
 * @param {Find} find
 * @param {ReadonlySignal<Line[]>} lines
 */
export function mountMotion(store, find, lines) {
  const [group, back, play, next, end, caption] = [
    'microscope-motion',
    'motion-back',
    'motion-play',
    'motion-next',
    'motion-end',
    'motion-caption',
  ].map(find);
  const chosen = signal(/** @type {number | null} */ (null));
  /** The line it is at; null while the iteration is seen as a whole. */
  const step = computed(() =>
    chosen.value === null || lines.value.length === 0 ? null : Math.min(chosen.value, lines.value.length - 1),
  );
  const running = signal(false);
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  const isCalm = signal(calm.matches);
  calm.addEventListener('change', () => {
    isCalm.value = calm.matches;
  });

  /** @param {number} to */
  const go = (to) => {
    // Its numbers shall be those of one iteration.
    if (store.dialogue.playing.peek()) store.pause();
    chosen.value = Math.max(0, Math.min(to, lines.peek().length - 1));
  };
  const isLast = () => step.peek() === lines.peek().length - 1;
  back.addEventListener('click', () => {
    running.value = false;
    go((step.peek() ?? 1) - 1);
  });
  next.addEventListener('click', () => {
    running.value = false;
    go((step.peek() ?? -1) + 1);
  });
  play.addEventListener('click', () => {
    if (!running.peek() && (step.peek() === null || isLast())) go(0);
    running.value = !running.peek();
  });
  const leave = () => {
    running.value = false;
    chosen.value = null;
  };
  end.addEventListener('click', () => {
    leave();
    play.focus();
  });

  return {
    step,
    leave,
    /** @returns {() => void} */
    open() {
      return together(
        effect(() => {
          const all = lines.value;
          const at = step.value;
          const line = at === null ? null : all[at];
          group.dataset.way = line?.way ?? '';
          caption.textContent = line
            ? `${WAYS[line.way]}, ${at === null ? 0 : at + 1} of ${all.length}: ${line.caption}`
            : isCalm.value
              ? 'Line by line, at your own pace.'
              : '';
          end.hidden = at === null;
          play.hidden = isCalm.value;
          play.dataset.state = running.value ? 'playing' : 'paused';
          play.title = running.value ? 'Pause slow motion' : 'Play in slow motion';
          play.setAttribute('aria-label', play.title);
          for (const [button, off] of /** @type {[HTMLElement, boolean][]} */ ([
            [back, at === null || at === 0],
            [next, all.length === 0 || at === all.length - 1],
            [play, all.length === 0],
          ])) {
            // Not `disabled`, which would take the focus away from under the reader's finger.
            button.setAttribute('aria-disabled', String(off));
          }
        }),
        effect(() => {
          if (!running.value || isCalm.value || step.value === null) return undefined;
          const timer = setTimeout(() => {
            if (isLast()) running.value = false;
            else go((step.peek() ?? -1) + 1);
          }, PACE);
          return () => clearTimeout(timer);
        }),
        leave,
      );
    },
  };
}
