/** The menu that saves the three pictures. */

import { download } from '../download.js';
import { boundaryFigure, costFigure, networkImage, plotImage, rasterised } from './worksheet-images.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/plotly').PlotlyApi} PlotlyApi */
/** @typedef {'png' | 'svg'} Format */
/** @typedef {{blob: Blob, iteration: number}} Made a picture, and what it is of */

const GAP = 4;
const MARGIN = 8;

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Catalogue} catalogue
 * @param {Experiment} defaults
 * @param {import('../../vendor/signals-core/signals-core.js').Signal<PlotlyApi | null>} plotly
 * @param {import('../painting/painter.js').Painter} painter
 */
export function mountImages(store, find, catalogue, defaults, plotly, painter) {
  const opener = find('image-open');
  const menu = find('image-menu');
  menu.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== 'open') return;
    const at = opener.getBoundingClientRect();
    menu.style.inset = 'auto';
    menu.style.left = `${Math.max(
      MARGIN,
      Math.min(at.right - menu.offsetWidth, innerWidth - menu.offsetWidth - MARGIN),
    )}px`;
    menu.style.top = `${Math.max(MARGIN, Math.min(at.bottom + GAP, innerHeight - menu.offsetHeight - MARGIN))}px`;
    menu.querySelector('button')?.focus();
  });

  /** @type {Record<string, (format: Format) => Promise<Made>>} */
  const pictures = {
    boundary: async (format) => plotted(await boundaryFigure(store, defaults, catalogue), format),
    cost: (format) =>
      plotted(
        costFigure(
          store,
          defaults,
          catalogue,
          /** @type {HTMLInputElement | null} */ (find('scale').querySelector('input:checked'))?.value === 'log',
        ),
        format,
      ),
    async network(format) {
      const picture = await networkImage(store, defaults, catalogue, painter);
      const { svg, iteration } = picture;
      return {
        blob: format === 'png' ? await rasterised(picture) : new Blob([svg], { type: 'image/svg+xml' }),
        iteration,
      };
    },
  };
  /** @param {import('./worksheet-images.js').Figure} figure @param {Format} format @returns {Promise<Made>} */
  const plotted = async (figure, format) => ({
    blob: await plotImage(api(), figure, format),
    iteration: figure.iteration,
  });
  const api = () => {
    const loaded = plotly.peek();
    if (loaded) return loaded;
    throw new Error('Plotly is still loading; try again in a moment.');
  };

  menu.addEventListener('click', async ({ target }) => {
    const button = target instanceof Element ? target.closest('button') : null;
    const { image, format } = button?.dataset ?? {};
    if (!image || !format) return;
    menu.hidePopover();
    opener.focus();
    try {
      const { blob, iteration } = await pictures[image](/** @type {Format} */ (format));
      download(blob, `shallows-${image}-${iteration}.${format}`);
      store.announcer.say('Image saved');
    } catch (error) {
      store.complain(`The image could not be made. ${error instanceof Error ? error.message : ''}`);
    }
  });
}
