/** What to hand out: a link to this experiment, a page with less on it, a frame for another page. */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { effect, untracked } from '../../vendor/signals-core/signals-core.js';
import { copy, UNCOPIED } from '../clipboard.js';
import { leftOut } from '../experiment/address.js';
import { isShown, PARTS, REDUCED } from '../experiment/parts.js';
import { counted } from '../format.js';
import { reach } from '../reach.js';
import { closesBy } from './closing.js';
import { showCode } from './qr.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {'shown' | 'locked' | 'hidden'} Choice */

/** As large as the whole page needs to be without scrolling sideways. */
const FRAME = { width: '100%', height: 900 };

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Fields} fields
 * @param {(experiment: Experiment) => string} addressOf
 */
export function mountShare(store, find, fields, addressOf) {
  const dialog = /** @type {HTMLDialogElement} */ (find('share-dialog'));
  const link = /** @type {HTMLInputElement} */ (find('share-link'));
  const frame = /** @type {HTMLTextAreaElement} */ (find('share-frame'));
  const message = find('share-told');
  const about = find('share-about');
  const where = find('share-where');
  /** What the handed out page shall be like. @type {Map<string, Choice>} */
  let choices = new Map();
  /** What a link begins with, and whether that leads others here. */
  let { origin } = location;
  let reached = false;

  /** @param {boolean} embed */
  const address = (embed) => {
    const named = (/** @type {Choice} */ choice) =>
      PARTS.map(({ name }) => name).filter((name) => choices.get(name) === choice);
    const hide = named('hidden');
    // What is gone with its section needs no mention.
    const lock = named('locked').filter((name) => isShown({ hide, lock: [] }, name));
    const experiment = {
      ...store.experiment.peek(),
      hide: hide.filter((name) => isShown({ hide: hide.filter((other) => other !== name), lock: [] }, name)),
      lock,
      embed,
    };
    return origin + addressOf(experiment);
  };
  const show = () => {
    link.value = address(false);
    frame.value =
      `<iframe src="${address(true)
        .replaceAll('&', '&amp;')
        .replaceAll(
          '"',
          '&quot;',
        )}" title="Shallows: a small network to train" width="${FRAME.width}" height="${FRAME.height}" ` +
      'style="border: 0" allow="clipboard-write"></iframe>';
    showCode(find('share-code'), reached ? link.value : '');
    const missing = leftOut(store.experiment.peek(), fields);
    about.textContent = missing
      ? `It opens this same experiment, but no link can hold ${missing}: save those as a file.`
      : 'It opens this same experiment, to the last digit.';
    const reduced = [...choices.values()].filter((choice) => choice !== 'shown').length;
    if (reduced > 0) about.textContent += ` With ${counted(reduced, 'part')} hidden or locked.`;
  };

  /** @param {import('../experiment/parts.js').Reduction} reduction */
  const choose = ({ hide, lock }) => {
    choices = new Map(
      PARTS.map(({ name }) => [name, hide.includes(name) ? 'hidden' : lock.includes(name) ? 'locked' : 'shown']),
    );
  };
  render(
    REDUCED.map(
      ({ title, hide, lock }) =>
        html`<button class="btn" type="button" @click=${() => {
          choose({ hide, lock });
          show();
          showChoices();
          message.textContent = `The link is now to: ${title.toLowerCase()}.`;
        }}>${title}</button>`,
    ),
    find('reduce-kinds'),
  );

  const showChoices = () => {
    const hide = PARTS.map(({ name }) => name).filter((name) => choices.get(name) === 'hidden');
    render(
      PARTS.map(({ name, title, within, fixed }) => {
        const gone = within !== undefined && !isShown({ hide, lock: [] }, within);
        /** @param {Choice} choice */
        const option = (choice) =>
          html`<td>${
            fixed && choice === 'locked'
              ? ''
              : html`<label><span class="vh">${title} ${choice}</span><input type="radio" name="part-${name}"
                value=${choice} .checked=${choices.get(name) === choice} ?disabled=${gone} @change=${() => {
                  choices.set(name, choice);
                  showChoices();
                  show();
                }}></label>`
          }</td>`;
        return html`<tr class=${within ? '' : 'section'}><th
          scope="row">${title}</th>${option('shown')}${option('locked')}${option('hidden')}</tr>`;
      }),
      find('reduce-parts'),
    );
  };

  const showWhere = async () => {
    const found = await reach();
    where.hidden = !found.own && !found.changed;
    where.textContent = found.own
      ? `It opens on this computer only: ${location.hostname} is each reader’s own one. For a class, start Shallows so that ` +
        'others reach it (HOST=0.0.0.0), open this page by this computer’s address in the network, and share from there.'
      : `It names this computer by its address in the network. ${location.hostname} would be each reader’s own computer.`;
    origin = found.origin;
    reached = !found.own;
    show();
  };

  find('share').addEventListener('click', () => {
    choose(store.experiment.peek());
    message.textContent = '';
    show();
    showWhere();
    showChoices();
    dialog.showModal();
    find('copy-link').focus();
  });
  closesBy(dialog, find('share-close'));
  // A class's teacher, say, may set up another experiment meanwhile.
  effect(() => {
    void store.experiment.value;
    if (dialog.open) untracked(show);
  });

  /** @type {[id: string, field: HTMLInputElement | HTMLTextAreaElement, said: string][]} */
  const copies = [
    ['copy-link', link, 'Link copied.'],
    ['copy-frame', frame, 'Code copied.'],
  ];
  for (const [id, field, said] of copies) {
    find(id).addEventListener('click', async () => {
      const { value } = field;
      const copied = await copy(value, dialog);
      // What stands there now is another link, which nobody has copied.
      if (field.value !== value) return;
      message.textContent = copied ? said : UNCOPIED;
      if (!copied) field.select();
    });
    field.addEventListener('focus', () => field.select());
  }
}
