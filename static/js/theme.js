/** Light, dark or the system's, remembered; and the tokens of theme.css as colours that a canvas understands. */

import { computed, effect, signal } from '../vendor/signals-core/signals-core.js';
import { RAMP } from './marks.js';

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

const forced = matchMedia('(forced-colors: active)');
const isForced = signal(forced.matches);
forced.addEventListener('change', () => {
  isForced.value = forced.matches;
});

/** Changes with the colours of the page: whatever has been drawn in them is drawn anew. */
export const palette = computed(() => `${isDark.value ? 'dark' : 'light'}${isForced.value ? ' forced' : ''}`);

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
export const colours = (...tokens) => computedColours(tokens, '');

/** The same as the light theme has them, for paper. @param {string[]} tokens */
export const paperColours = (...tokens) => computedColours(tokens, 'light');

/** @param {string[]} tokens @param {string} scheme '' is the page's own */
function computedColours(tokens, scheme) {
  const probe = document.createElement('span');
  probe.hidden = true;
  probe.style.colorScheme = scheme;
  // Where the reader's system forces colours on text, they would all be one.
  probe.style.forcedColorAdjust = 'none';
  document.body.append(probe);
  const style = getComputedStyle(probe);
  const found = tokens.map((token) => {
    probe.style.color = `var(--${token})`;
    return style.color;
  });
  probe.remove();
  return found;
}

/** @param {string} colour as computed by the browser: rgb(1, 2, 3) */
export const channels = (colour) =>
  /** @type {import('./types/painting').Rgb} */ (
    colour
      .match(/[\d.]+/g)
      ?.slice(0, 3)
      .map(Number)
  );

/**
 * What the painter's canvases take from the theme.
 *
 * @param {typeof colours} [read]
 * @returns {import('./types/painting').Colours}
 */
export function painterColours(read = colours) {
  const [low, middle, high] = read(...RAMP).map(channels);
  const [contour, halo, one, zero, ground, forward, backward] = read(
    'contour',
    'contour-halo',
    'one-mark',
    'zero-mark',
    'ground',
    'accent',
    'backward',
  );
  return { heat: [low, middle, high], contour, halo, one, zero, ground, forward, backward };
}
