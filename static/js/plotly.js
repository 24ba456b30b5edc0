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

/** What every plot here has in common: no toolbar, no zoom, nothing on hover (the page's own read-out knows more). */
export const CONFIG = { displayModeBar: false, staticPlot: true, responsive: false };
