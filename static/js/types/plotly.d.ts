/** What the page uses of Plotly, which arrives as a classic script after the first frame. */

export interface PlotlyApi {
  react(element: HTMLElement, data: object[], layout: object, config?: object): Promise<unknown>;
}

declare global {
  var Plotly: PlotlyApi | undefined;
}
