/** The panel of comparisons: two to eight networks side by side, or one network from many seeds. */

import { effect, signal, untracked } from '../../vendor/signals-core/signals-core.js';
import { bindChoice, bindSignal } from '../views/choice.js';
import { showNetworks } from './side-by-side.js';
import { mountSweep } from './sweep.js';

/** @typedef {import('../store/state.js').Store} Store */

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {import('../views/drawer.js').Tables} tables
 */
export function mount(store, find, { fields, catalogue }) {
  bindChoice(
    find('compare-view'),
    () => (store.experiment.value.sweep ? 'sweep' : 'networks'),
    (view) => store.change({ sweep: view === 'sweep' }),
  );
  const scale = signal('linear');
  bindSignal(find('compare-scale'), scale);
  /** Which of the two is open; '' is neither. */
  const shown = signal('');
  const showSweep = mountSweep(store, find, fields, scale);
  effect(() => {
    const { panel, sweep } = store.experiment.value;
    shown.value = panel === 'compare' ? (sweep ? 'sweep' : 'networks') : '';
  });
  effect(() => {
    const view = shown.value;
    for (const element of find('panel-compare').querySelectorAll('[data-view]'))
      element.toggleAttribute('hidden', element.getAttribute('data-view') !== view);
    if (view === 'networks') return untracked(() => showNetworks(store, find, catalogue, fields, scale));
    if (view === 'sweep') return untracked(showSweep);
    return undefined;
  });
}
