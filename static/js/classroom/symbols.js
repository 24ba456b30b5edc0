/** The symbols of a class, on all of its pages; they need no template. */

import { html, svg } from '../../vendor/lit-html/lit-html.js';

/** On a square of 16. */
const PATHS = {
  away: 'M8 2.8a5.2 5.2 0 1 1 0 10.4a5.2 5.2 0 1 1 0-10.4z',
  check: 'm3.5 8.4 3 3 6-6.6',
  close: 'm4.5 4.5 7 7M11.5 4.5l-7 7',
  device: 'M2 3.5h9v6H2zM5 12h4M12.5 6.5h2v6h-3.5v-3',
  down: 'm4.5 6.5 3.5 3.5 3.5-3.5',
  eye: 'M1.6 8c2.9-5 9.9-5 12.8 0-2.9 5-9.9 5-12.8 0zM8 6a2 2 0 1 1 0 4a2 2 0 1 1 0-4z',
  hand:
    'M4.6 9.3V4.6a1 1 0 0 1 2 0v2.8V3.1a1 1 0 0 1 2 0v4.3V3.9a1 1 0 0 1 2 0v4V6a1 1 0 0 1 2 0v4.2c0 2.3-1.6 3.9-3.9 ' +
    '3.9-1.9 0-2.9-.7-3.9-2.3L3 8.9c-.6-1 .7-1.8 1.6-.8z',
  help: 'M5.6 6.2a2.4 2.4 0 1 1 3.5 2.1c-.8.4-1.1.9-1.1 1.7M8 12.4v.1',
  large: 'M3 3h10v10H3z',
  left: 'm10 4-4 4 4 4',
  link:
    'M6.6 9.4a2.6 2.6 0 0 0 3.7 0l2.3-2.3a2.6 2.6 0 0 0-3.7-3.7l-.8.8M9.4 6.6a2.6 2.6 0 0 0-3.7 0L3.4 8.9a2.6 2.6 0 0 0 3.7 ' +
    '3.7l.8-.8',
  lock: 'M3.6 7.2h8.8v6H3.6zM5.4 7.2V5.4a2.6 2.6 0 0 1 5.2 0v1.8',
  medium: 'M3 3h4.2v4.2H3zM8.8 3H13v4.2H8.8zM3 8.8h4.2V13H3zM8.8 8.8H13V13H8.8z',
  out: 'M9 2.8H3.2v10.4H9M6.8 8h6.6M11 5.4 13.6 8 11 10.6',
  pause: 'M5.4 3.6v8.8M10.6 3.6v8.8',
  people:
    'M6 3.2a2.2 2.2 0 1 1 0 4.4a2.2 2.2 0 1 1 0-4.4zM1.8 13c.3-2.6 2-3.9 4.2-3.9s3.9 1.3 4.2 3.9M10.4 3.5a2.2 2.2 0 0 1 0 ' +
    '3.9M11.8 9.5c1.4.5 2.2 1.7 2.4 3.5',
  play: 'M5 3.4v9.2l7.4-4.6z',
  plus: 'M4 8h8M8 4v8',
  renew: 'M12.6 6.2A5 5 0 0 0 3.4 6M3.4 9.8a5 5 0 0 0 9.2.2M12.8 3.2v3h-3M3.2 12.8v-3h3',
  screen: 'M2 3h12v8H2zM8 11v2.6M5.4 13.6h5.2',
  small: 'M3 3h.1M8 3h.1M13 3h.1M3 8h.1M8 8h.1M13 8h.1M3 13h.1M8 13h.1M13 13h.1',
  stop: 'M8 2.6a5.4 5.4 0 1 1 0 10.8a5.4 5.4 0 1 1 0-10.8zM5.6 8h4.8',
  table: 'M2.5 3h11v10h-11zM2.5 6.4h11M6.4 6.4V13',
  theme: 'M8 2.8a5.2 5.2 0 1 1 0 10.4a5.2 5.2 0 1 1 0-10.4zM8 2.8v10.4M10 3.5v9M11.8 4.8v6.4',
  wave: 'M2 6.4c3.3-3.2 8.7-3.2 12 0M4.2 8.9c2.1-2 5.5-2 7.6 0M6.5 11.4c.8-.8 2.2-.8 3 0',
};

/** @typedef {keyof typeof PATHS} Symbol_ */

/** @param {Symbol_} name @param {string} [style] more classes */
export const symbol = (name, style = '') =>
  html`<svg class="i s-${name} ${style}" viewBox="0 0 16 16" aria-hidden="true">${svg`<path d=${PATHS[name]}></path>`}</svg>`;

/** The page's mark. */
export const mark = html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path
  d="M2 16.5c4.2-9 15.8-9 20 0M6 17.6c3-5.6 9-5.6 12 0M9.7 18.8c1.4-2.2 3.2-2.2 4.6 0"></path></svg>`;
