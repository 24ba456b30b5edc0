/** The panel of comparisons: two to eight networks side by side, or one network from many seeds. */

import { effect, signal, untracked } from '../../vendor/signals-core/signals-core.js';
import { bindChoice, bindSignal } from '../views/choice.js';
import { showNetworks } from './side-by-side.js';
import { mountSweep } from './sweep.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

/**
 * @param {Store} store
 * @param {Fields} fields
 * @param {Catalogue} catalogue
 * @param {(id: string) => HTMLElement} find
 */
export function mountCompare(store, fields, catalogue, find) {
  bindChoice(
    find('compare-view'),
    () => (store.experiment.value.sweep ? 'sweep' : 'networks'),
    (view) => store.change({ sweep: view === 'sweep' }),
  );
  const scale = signal('linear');
  bindSignal(find('compare-scale'), scale);
  /** Which of the two is open; '' is neither. */
  const shown = signal('');
  const showSweep = mountSweep(store, fields, find, scale);
  effect(() => {
    const { panel, sweep } = store.experiment.value;
    shown.value = panel === 'compare' ? (sweep ? 'sweep' : 'networks') : '';
  });
  effect(() => {
    const view = shown.value;
    for (const element of find('panel-compare').querySelectorAll('[data-view]'))
      element.toggleAttribute('hidden', element.getAttribute('data-view') !== view);
    if (view === 'networks') return untracked(() => showNetworks(store, fields, catalogue, find, scale));
    if (view === 'sweep') return untracked(showSweep);
    return undefined;
  });
}
