/** Experiments worth seeing, in a dialog; what to look for stays beside the network until it is put away. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { experimentOf, sameRun } from '../experiment/experiment.js';
import { closesBy } from './closing.js';
import { crossButton } from './icon.js';
import { miniature } from './miniature.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').Preset} Preset */

/** @param {Preset} preset */
const works = ({ works }) => works;
const GROUPS = [
  { title: 'They work', has: works },
  { title: 'They fail, and why is worth seeing', has: (/** @type {Preset} */ preset) => !works(preset) },
];

/** What a key does to the one that has the focus. @type {Record<string, (index: number, count: number) => number>} */
const MOVES = {
  ArrowUp: (index, count) => (index + count - 1) % count,
  ArrowDown: (index, count) => (index + 1) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/** @param {Store} store @param {(id: string) => HTMLElement} find @param {Catalogue} catalogue */
export function mountPresets(store, find, catalogue) {
  const opener = find('presets');
  const dialog = /** @type {HTMLDialogElement} */ (find('presets-dialog'));
  const lists = find('presets-lists');
  /** Where what to look for is said: beside the network, or above the plane where that is far above the network. */
  const notes = [find('preset-note'), find('preset-note-above')];
  /** Whose sentence is shown. */
  const chosen = signal(/** @type {Preset | null} */ (null));

  /** @param {Preset} preset */
  const choose = (preset) => {
    dialog.close();
    store.change(experimentOf(preset, catalogue));
    chosen.value = preset;
    store.announcer.say(`${preset.title}. ${preset.look_for}`);
    notes.find((note) => note.checkVisibility())?.scrollIntoView({ block: 'nearest' });
  };
  const buttons = () => /** @type {HTMLElement[]} */ ([...lists.querySelectorAll('button')]);

  opener.addEventListener('click', () => {
    const now = store.experiment.peek();
    const current = catalogue.presets.find((preset) => sameRun({ ...now, ...experimentOf(preset, catalogue) }, now));
    render(
      GROUPS.map(
        (
          { title, has },
          index,
        ) => html`<section aria-labelledby="presets-group-${index}"><h3 id="presets-group-${index}">${title}</h3><ul>
          ${catalogue.presets.filter(has).map(
            (preset) =>
              html`<li><button type="button" aria-current=${preset === current ? 'true' : 'false'}
                  @click=${() => choose(preset)}>${miniature(experimentOf(preset, catalogue), catalogue)}<span
                  class="what"><b>${preset.title}</b><span>${preset.look_for}</span></span></button></li>`,
          )}
        </ul></section>`,
      ),
      lists,
    );
    dialog.showModal();
    (buttons().find((button) => button.ariaCurrent === 'true') ?? buttons()[0]).focus();
  });
  lists.addEventListener('keydown', (event) => {
    const all = buttons();
    const index = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const move = MOVES[event.key];
    if (!move || index < 0) return;
    event.preventDefault();
    all[move(index, all.length)].focus();
  });
  closesBy(dialog, find('presets-close'));
  dialog.addEventListener('close', () => render(nothing, lists));

  const dismiss = () => {
    chosen.value = null;
    opener.focus();
  };
  effect(() => {
    const preset = chosen.value;
    for (const note of notes) {
      note.hidden = !preset;
      render(
        preset
          ? html`<p><b>${preset.title}.</b> ${preset.look_for}</p>${crossButton('Dismiss the note', dismiss)}`
          : nothing,
        note,
      );
    }
  });
  // Whoever goes back, or to other data, has left it.
  for (const kind of ['hashchange', 'popstate'])
    addEventListener(kind, () => {
      chosen.value = null;
    });
  effect(() => {
    const { dataset } = store.experiment.value;
    const preset = chosen.peek();
    if (preset && experimentOf(preset, catalogue).dataset !== dataset) chosen.value = null;
  });
}
