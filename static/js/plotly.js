/**
 * Plotly, fetched once the page already works: a part of it for the plane and the cost, all of it once something is
 * drawn in space.
 */

/** @typedef {import('./types/plotly').PlotlyApi} PlotlyApi */

/** @param {string} url @returns {Promise<PlotlyApi>} */
export function loadPlotly(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.addEventListener('load', () => {
      if (globalThis.Plotly) resolve(globalThis.Plotly);
      else reject(new Error(`${url} is not Plotly`));
    });
    script.addEventListener('error', () => reject(new Error(`${url} did not load`)));
    document.head.append(script);
  });
}

/** The size of a text of 0.75rem (pixels). */
export const smallFont = () => parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.75;

/** The largest text that the margins of the plots have room for (pixels). */
const LARGEST = 16;

/**
 * The layout of a plot that has its page's ground, and nothing but axes of Plotly's own.
 *
 * @param {HTMLElement} chart
 * @param {object} margin
 * @param {string} colour of texts
 */
export const layoutIn = (chart, margin, colour) => ({
  width: chart.clientWidth,
  height: chart.clientHeight,
  margin: { ...margin, pad: 0 },
  paper_bgcolor: 'rgba(0,0,0,0)',
  plot_bgcolor: 'rgba(0,0,0,0)',
  font: { family: getComputedStyle(chart).fontFamily, size: Math.min(smallFont(), LARGEST), color: colour },
  showlegend: false,
  hovermode: false,
});

/** What every plot here has in common: no toolbar, no zoom, nothing on hover (the page's own read-out knows more). */
export const CONFIG = { displayModeBar: false, staticPlot: true, responsive: false };

/** Plotly takes some marks of a text for HTML. @param {string} text */
export const plain = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
