/** Menus and dialogs of a class, made where they are needed. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { symbol } from './symbols.js';

/** @typedef {{symbol: import('./symbols.js').Symbol_, label: string, note: string, act: () => void, line?: boolean}} Item */

/**
 * A menu below a button, until something is chosen.
 *
 * @param {HTMLElement} button
 * @param {string} label
 * @param {Item[]} items
 */
export function menu(button, label, items) {
  if (button.ariaExpanded === 'true') return;
  const box = document.createElement('div');
  box.popover = 'auto';
  box.className = 'room-menu';
  // Beside its button: in the same landmark, and what lies beside an open dialog is inert.
  button.after(box);
  const { left, bottom, right } = button.getBoundingClientRect();
  button.ariaExpanded = 'true';
  const close = () => {
    // At once: whoever is quick presses the button again before the browser says that it is closed.
    button.ariaExpanded = 'false';
    if (box.isConnected) box.hidePopover();
  };
  render(
    html`<ul class="menu" role="menu" aria-label=${label}>${items.map(
      ({ symbol: name, label: words, note, act, line }) =>
        html`${
          line ? html`<li role="separator"></li>` : nothing
        }<li role="none"><button type="button" role="menuitem" tabindex="-1" @click=${() => {
          close();
          act();
        }}>${symbol(name)}<span>${words}</span><span class="cap">${note}</span></button></li>`,
    )}</ul>`,
    box,
  );
  const buttons = /** @type {HTMLElement[]} */ ([...box.querySelectorAll('button')]);
  box.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const goals = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 };
    if (event.key === 'Tab' || event.key === 'Escape') close();
    if (event.key === 'Escape') event.preventDefault();
    if (!(event.key in goals)) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(goals[event.key] + buttons.length) % buttons.length].focus();
  });
  box.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === 'open') return;
    const within = box.contains(document.activeElement) || document.activeElement === document.body;
    box.remove();
    // It may be open again, as another one.
    button.ariaExpanded = String(button.nextElementSibling?.matches('.room-menu') ?? false);
    if (within) button.focus();
  });
  box.showPopover();
  const wide = box.offsetWidth;
  box.style.top = `${bottom + 4}px`;
  box.style.left = `${Math.max(8, Math.min(left, innerWidth - wide - 8, right))}px`;
  buttons[0]?.focus();
}

/**
 * A dialog that is there until it is closed.
 *
 * @param {string} title
 * @param {string} style more classes
 * @param {(body: HTMLElement, close: () => void, dialog: HTMLDialogElement) => void | (() => void)} fill what it returns is
 *   called as it closes
 */
export function dialogWith(title, style, fill) {
  const dialog = document.createElement('dialog');
  dialog.className = `sheet room-sheet ${style}`;
  dialog.setAttribute('aria-label', title);
  const before = document.activeElement;
  render(
    html`<div class="head"><h2>${title}</h2><button class="btn quiet sq" type="button" aria-label="Close"
      @click=${() => dialog.close()}>${symbol('close')}</button></div><div class="rest"></div>`,
    dialog,
  );
  document.body.append(dialog);
  const stop = fill(/** @type {HTMLElement} */ (dialog.querySelector('.rest')), () => dialog.close(), dialog);
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => {
    stop?.();
    dialog.remove();
    if (before instanceof HTMLElement) before.focus();
  });
  dialog.showModal();
  /** @type {HTMLElement | null} */ (dialog.querySelector('.rest :is(input, .primary)'))?.focus();
}
