/** Light, dark or the system's, remembered; and the tokens of theme.css as colours that a canvas understands. */

import { computed, effect, signal } from '../vendor/signals-core/signals-core.js';

/** @typedef {'auto' | 'light' | 'dark'} Theme */

const system = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(system.matches);
system.addEventListener('change', () => {
  systemIsDark.value = system.matches;
});

/** What the reader chose. @type {import('../vendor/signals-core/signals-core.js').Signal<Theme>} */
export const theme = signal(/** @type {Theme} */ (document.documentElement.dataset.theme ?? 'auto'));

/** What is seen. */
export const isDark = computed(() => (theme.value === 'auto' ? systemIsDark.value : theme.value === 'dark'));

effect(() => {
  const chosen = theme.value;
  if (chosen === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    if (chosen === 'auto') localStorage.removeItem('theme');
    else localStorage.setItem('theme', chosen);
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
});

/** The next theme on the switch: first the one that looks different, last the system's own. */
export function nextTheme() {
  const opposite = systemIsDark.value ? 'light' : 'dark';
  const same = systemIsDark.value ? 'dark' : 'light';
  return /** @type {Theme} */ ({ auto: opposite, [opposite]: same, [same]: 'auto' }[theme.value]);
}

/** Tokens as computed colours, rgb(…). @param {string[]} tokens without the leading dashes */
export function colours(...tokens) {
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  const style = getComputedStyle(probe);
  const found = tokens.map((token) => {
    probe.style.color = `var(--${token})`;
    return style.color;
  });
  probe.remove();
  return found;
}
