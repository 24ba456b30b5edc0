/** The ⓘ beside a control: its sentence on hover, on focus and on touch; Escape puts it away. */

/** The pointer may cross the gap to the sentence, to read it there (milliseconds). */
const GRACE = 200;
const GAP = 6;
const MARGIN = 8;

export function mountHelp() {
  /** @type {{button: HTMLElement, text: HTMLElement, pinned: boolean} | null} */
  let open = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let closing;

  const close = () => {
    clearTimeout(closing);
    if (!open) return;
    open.text.hidePopover();
    open.button.ariaExpanded = 'false';
    open = null;
  };

  /** @param {HTMLElement} button */
  const show = (button) => {
    clearTimeout(closing);
    if (open?.button === button) return;
    close();
    const text = /** @type {HTMLElement} */ (button.nextElementSibling);
    text.showPopover();
    const at = button.getBoundingClientRect();
    const below = at.bottom + GAP + text.offsetHeight < innerHeight;
    text.style.left = `${Math.max(MARGIN, Math.min(at.left - MARGIN, innerWidth - text.offsetWidth - MARGIN))}px`;
    text.style.top = `${below ? at.bottom + GAP : at.top - GAP - text.offsetHeight}px`;
    button.ariaExpanded = 'true';
    open = { button, text, pinned: false };
  };

  /** @param {Event} event @returns {HTMLElement | null} */
  const buttonOf = ({ target }) => (target instanceof Element ? target.closest('.help') : null);

  document.addEventListener('pointerover', (event) => {
    const button = buttonOf(event);
    if (button) show(button);
    else if (open && event.target instanceof Node && open.text.contains(event.target)) clearTimeout(closing);
    else if (open && !open.pinned && open.button !== document.activeElement) {
      clearTimeout(closing);
      closing = setTimeout(close, GRACE);
    }
  });
  document.addEventListener('focusin', (event) => {
    const button = buttonOf(event);
    if (button) show(button);
    else close();
  });
  document.addEventListener('click', (event) => {
    const button = buttonOf(event);
    if (!button) return close();
    if (open?.button === button && open.pinned) return close();
    show(button);
    if (open) open.pinned = true;
    return undefined;
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !open) return;
    event.preventDefault();
    close();
  });
  addEventListener('scroll', close, { capture: true, passive: true });
}
