/**
 * The row of tabs under the bench. Opening a panel gives it room by making the bench smaller; a closed one costs
 * nothing.
 */

import { effect, untracked } from '../../vendor/signals-core/signals-core.js';
import { allows } from '../experiment/parts.js';
import { fetchLater } from './later.js';

/** @typedef {import('../store/state.js').Store} Store */
/**
 * @typedef {{fields: import('../experiment/experiment.js').Fields, catalogue:
 *   import('../types/protocol').Catalogue}} Tables
 */

/** What a key does to the tab that has the focus. @type {Record<string, (index: number, count: number) => number>} */
const MOVES = {
  ArrowLeft: (index, count) => (index + count - 1) % count,
  ArrowRight: (index, count) => (index + 1) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/** The names of all panels, as the template has them. @param {(id: string) => HTMLElement} find */
export const panelNames = (find) => tabsOf(find).map(nameOf);

/** @param {(id: string) => HTMLElement} find */
const tabsOf = (find) => /** @type {HTMLElement[]} */ ([...find('tabs').querySelectorAll('[role="tab"]')]);

/** @param {HTMLElement} tab */
const nameOf = (tab) => tab.id.replace(/^tab-/, '');

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountDrawer(store, find) {
  const tabs = tabsOf(find);
  const toggle = find('drawer-toggle');
  let last = nameOf(tabs[0]);

  /** @param {string} name */
  const open = (name) => store.change({ panel: name });
  for (const tab of tabs)
    tab.addEventListener('click', () => open(store.panel.peek() === nameOf(tab) ? '' : nameOf(tab)));
  /** Those that are neither hidden nor locked. */
  const usable = () => tabs.filter((tab) => allows(store.reduction.value, nameOf(tab)));
  /** Which one opens, or takes the focus. */
  const first = () => (usable().some((tab) => nameOf(tab) === last) ? last : usable().map(nameOf)[0]);
  toggle.addEventListener('click', () => open(store.panel.peek() ? '' : (first() ?? '')));
  find('tabs').addEventListener('keydown', (event) => {
    const move = MOVES[event.key];
    const there = usable();
    const index = there.indexOf(/** @type {HTMLElement} */ (event.target));
    if (!move || index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = there[move(index, there.length)];
    // An open drawer follows the focus; a closed one stays closed until a tab is pressed.
    if (store.panel.peek()) open(nameOf(next));
    else giveTabStop(nameOf(next));
    next.focus();
  });

  /** @param {string} name */
  const giveTabStop = (name) => {
    for (const tab of tabs) tab.tabIndex = nameOf(tab) === name ? 0 : -1;
  };

  effect(() => {
    const name = store.panel.value;
    if (name) last = name;
    for (const tab of tabs) {
      const own = nameOf(tab) === name;
      tab.ariaSelected = String(own);
      find(`panel-${nameOf(tab)}`).hidden = !own;
    }
    giveTabStop(first() ?? '');
    document.body.toggleAttribute('data-drawer', name !== '');
    toggle.ariaExpanded = String(name !== '');
    if (name) find(`tab-${name}`).scrollIntoView({ block: 'nearest', inline: 'nearest' });
    toggle.setAttribute('aria-label', name ? 'Close the panel' : 'Open the panel');
  });
}

/**
 * Fetches a panel's module when the panel is first opened. Until it is there the panel says so, and if it does not come
 * it says that.
 *
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {string} name of the panel
 * @param {() => Promise<{mount: (store: Store, find: (id: string) => HTMLElement, tables: Tables) => void}>} get what it
 *   mounts uses `whenOpen`
 * @param {Tables} tables
 */
export function whenFirstOpen(store, find, name, get, tables) {
  const panel = find(`panel-${name}`);
  const what = find(`tab-${name}`).dataset.label;
  let asking = false;
  const load = async () => {
    if (asking) return;
    asking = true;
    panel.setAttribute('aria-busy', 'true');
    const module = await fetchLater(store, `The panel “${what}”`, get, load);
    asking = false;
    panel.removeAttribute('aria-busy');
    panel.toggleAttribute('data-missing', module === null);
    if (module === null) return;
    stop();
    module.mount(store, find, tables);
  };
  const stop = effect(() => {
    if (store.panel.value === name) void load();
  });
}

/**
 * Mounts a panel's view whenever the panel opens; what `mount` returns is called when it closes.
 *
 * @param {Store} store
 * @param {string} name of the panel
 * @param {() => (() => void) | void} mount
 */
export function whenOpen(store, name, mount) {
  effect(() => (store.panel.value === name ? untracked(mount) : undefined));
}
