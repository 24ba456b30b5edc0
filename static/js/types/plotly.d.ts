/** What the page uses of Plotly, which arrives as a classic script after the first frame. */

export interface PlotlyApi {
  react(element: HTMLElement, data: object[], layout: object, config?: object): Promise<unknown>;
  /** @returns a data address */
  toImage(
    figure: { data: object[]; layout: object },
    options: { format: 'png' | 'svg'; width: number; height: number; scale?: number },
  ): Promise<string>;
  relayout(element: HTMLElement, changes: object): Promise<unknown>;
  purge(element: HTMLElement): void;
}

declare global {
  var Plotly: PlotlyApi | undefined;
}
