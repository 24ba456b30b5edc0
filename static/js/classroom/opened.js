/** One to four networks in the wall's place, live and read-only, with the wall as a strip below. */

import { repeat } from '../../vendor/lit-html/directives/repeat.js';
import { html, nothing, render, svg } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { cost, count, fixed, parameter, percent } from '../format.js';
import { palette } from '../theme.js';
import { costCurve } from './cost-curve.js';
import { redraw } from './focus.js';
import { symbol } from './symbols.js';
import { paintTile } from './tile-picture.js';
import { inStrip, paintWithin } from './wall.js';

/** @typedef {import('./desk.js').Desk} Desk */

/** Weights of larger layers are not legible in a column. */
const MOST_ROWS = 16;
const MOST_COLUMNS = 6;
/** What a picture has at its left and below it for its axes; the curve's axis has as much (CSS pixels). */
const [AXIS, AXIS_BELOW] = [30, 20];
/** Up to this width one is below the other, and from this one on its curve is beside a picture (CSS pixels). */
const [ONE_COLUMN, BESIDE] = [500, 320];
const TICKS = [-4, -2, 0, 2, 4];

/**
 * @param {Desk} desk
 * @param {HTMLElement} place
 * @param {ReturnType<typeof import('./tile-picture.js').pointsOfAll>} drawn
 * @param {(number: number) => void} back gives the focus to a tile of the wall
 */
export function mountOpened(desk, place, { points, arrived }, back) {
  const log = signal(false);
  const size = signal({ width: 0, height: 0 });
  new ResizeObserver(() => {
    size.value = { width: place.clientWidth, height: place.clientHeight };
  }).observe(place);

  const close = () => {
    const [first] = desk.opened.peek();
    desk.open([]);
    back(first);
  };
  // Wherever the focus is, but for what closes by itself.
  document.addEventListener('keydown', (event) => {
    const { target } = event;
    if (event.key !== 'Escape' || event.defaultPrevented || desk.opened.peek().length === 0) return;
    if (target instanceof Element && target.closest('dialog, [popover]')) return;
    event.preventDefault();
    close();
  });

  let were = '';
  effect(() => {
    const opened = desk.opened.value;
    place.hidden = opened.length === 0;
    if (opened.length === 0) {
      render(nothing, place);
      were = '';
      return;
    }
    void [desk.watching.news.value, palette.value, arrived.value, desk.now.value];
    const room = desk.state.room.value;
    const lit = room?.spotlight ?? [];
    const everybody = desk.everybody.value;
    const many = ['', 'One network', 'Two networks', 'Three networks', 'Four networks'][opened.length];
    const onScreen = lit.length > 0 && String(lit) === String(opened);
    const end = Math.max(...opened.map((number) => desk.watching.all.get(number)?.history.length ?? 0));
    redraw(
      place,
      html`<div class="bar"><button class="btn quiet" type="button" @click=${close}>${symbol('left')}The wall</button><span
        class="cap">${many}, live${onScreen ? ', on the projector' : ''}</span>${
          onScreen
            ? nothing
            : html`<button class="btn small" type="button" @click=${() => desk.say({ type: 'spotlight', members: opened })}>Put
              on the projector</button>`
        }<span class="opt"><span class="lbl">Cost axis</span><span class="seg" role="radiogroup" aria-label="Cost axis">${[
          false,
          true,
        ].map(
          (is) => html`<label><input class="vh" type="radio" name="opened-scale" .checked=${log.value === is}
            @change=${() => (log.value = is)}><span class="face">${is ? 'log' : 'linear'}</span></label>`,
        )}</span></span></div>
      <div class="opened-nets n${opened.length}">${repeat(
        opened,
        (number) => number,
        (number) => net(number, lit, opened.length, end),
      )}</div>
      <div class="strip" role="group" aria-label="The wall">${inStrip(desk).map((number) => {
        const seen = everybody.get(number);
        return seen
          ? html`<button type="button" class="pic ${opened.includes(number) ? 'lit' : ''} ${seen.member.here ? '' : 'away'}"
              aria-pressed=${String(opened.includes(number))} aria-label=${desk.nameOf(seen.member)}
              title=${desk.nameOf(seen.member)} @click=${() => desk.toggleOpened(number)}><canvas data-member=${number}
              data-side="28" aria-hidden="true"></canvas></button>`
          : nothing;
      })}</div>`,
    );
    for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (place.querySelectorAll('canvas[data-opened]'))) {
      const number = Number(canvas.dataset.opened);
      const watched = desk.watching.all.get(number);
      const boundary = watched?.frame?.runs[0].boundary ?? desk.state.tiles.get(number)?.boundary ?? null;
      const data = watched?.configured?.data;
      paintTile(canvas, boundary, {
        side: canvas.clientWidth,
        drawn: data
          ? { points: data.points, labels: data.labels, test: new Set(data.split.test) }
          : (points.get(number) ?? null),
        line: desk.setUp(number)?.experiment.problem !== 'regression',
        radius: Math.max(2.4, canvas.clientWidth / 130),
      });
    }
    paintWithin(/** @type {HTMLElement} */ (place.querySelector('.strip')), desk, points);
    if (were === '') /** @type {HTMLElement | null} */ (place.querySelector('.bar .btn'))?.focus();
    if (were !== String(opened)) desk.announcer.say(`${many}, live.`);
    were = String(opened);
  });

  /**
   * @param {number} number
   * @param {readonly number[]} lit
   * @param {number} many
   * @param {number} end the last iteration of any of them
   */
  const net = (number, lit, many, end) => {
    const seen = desk.everybody.value.get(number);
    if (!seen) return nothing;
    const watched = desk.watching.all.get(number);
    const run = watched?.frame?.runs[0];
    const numeral = lit.indexOf(number) + 1;
    const { width, height } = size.value;
    // The picture is as large as what stands above and below it leaves.
    const rows = many > 2 ? 2 : 1;
    const columns = many > 1 && width > ONE_COLUMN ? 2 : 1;
    const across = (width - 24 * 2 - 32 * (columns - 1)) / columns;
    const beside = many > 2 && across >= BESIDE;
    const chart = beside ? 130 : 118;
    const tall = (height - 48 - 56 - 14 - 16 * (rows - 1)) / rows - 36 - AXIS_BELOW - (beside ? 12 : 24 + 56 + chart);
    // Beside one of them its weights have room, where there is any.
    const alone = many === 1 && across > 640;
    const side = Math.max(
      120,
      Math.floor(Math.min((alone ? across * 0.62 : beside ? across * 0.5 : across) - AXIS, tall)),
    );
    const now = seen.tile;
    const items = desk.differencesOf(number);
    const reads = html`<dl class="reads"><div class="stat"><dt>Iteration</dt><dd
        >${count(watched?.frame?.iteration ?? now?.iteration ?? 0)}</dd></div>
      <div class="stat"><dt>Cost <span class="v">J</span></dt><dd>${costOr(run?.train_cost ?? now?.cost)}</dd></div>
      ${
        (run?.train_accuracy ?? now?.train_accuracy ?? null) === null
          ? html`<div class="stat"><dt>Test cost <span class="v">J</span></dt><dd>${costOr(run?.test_cost ?? now?.test_cost)}</dd></div>`
          : html`<div class="stat"><dt>Train</dt><dd>${percent(run?.train_accuracy ?? now?.train_accuracy ?? null)}</dd></div>
      <div class="stat"><dt>Test</dt><dd>${percent(run?.test_accuracy ?? now?.test_accuracy ?? null)}</dd></div>`
      }</dl>`;
    const boundary = run?.boundary ?? now?.boundary;
    const curve = html`<div class="costs">${watched ? curveKey(watched.history.tests[0]?.iteration) : nothing}${
      watched
        ? costCurve(watched.history, {
            width: Math.max(120, Math.floor(many === 1 ? side + AXIS : beside ? across - side - AXIS - 40 : across)),
            height: chart - 16,
            log: log.value,
            end,
          })
        : html`<p class="cap">${seen.member.here ? 'Its costs come with its next frame.' : 'Away: this is the last picture.'}</p>`
    }</div>`;
    return html`<article class="net-opened ${beside ? 'beside' : ''}" aria-label=${desk.nameOf(seen.member)}><h2>${
      numeral ? html`<span class="letter">${numeral}</span>` : nothing
    }${desk.nameOf(seen.member)}<small>${items.length === 0 && desk.sent.value ? 'as sent: ' : ''}${desk.briefOf(number)}</small>${
      many > 1
        ? html`<button class="btn quiet sq" type="button" aria-label="Put ${desk.nameOf(seen.member)} back" @click=${() =>
            desk.toggleOpened(number)}>${symbol('close')}</button>`
        : nothing
    }</h2><div class="net-body">${html`<div class="big" style="width: ${side}px"><canvas data-opened=${number}
        aria-hidden="true" style="height: ${side}px"></canvas>${boundary ? axes(boundary, side) : nothing}</div>`}${
      many === 1
        ? html`<div class="weights">${items.length > 0 ? html`<p>${items.join(', ')}</p>` : nothing}${weights(run?.layers)}</div>`
        : beside
          ? html`<div>${reads}${curve}</div>`
          : nothing
    }</div>${beside ? nothing : html`${reads}${curve}`}</article>`;
  };
}

/** What the curve is. Of the test's costs there are those of frames, and frames come here as long as it is open. @param {number} [first] */
const curveKey = (first) =>
  html`<p class="cap key"><span><i></i>train</span>${
    first === undefined
      ? nothing
      : html`<span><i class="tst"></i>test${first > 0 ? `, from ${count(first)} on` : ''}</span>`
  }</p>`;

/** The axes of a picture, outside of it. @param {Pick<import('../types/protocol').Boundary, 'x' | 'y'>} boundary @param {number} side */
function axes({ x, y }, side) {
  /** @param {number} at @param {readonly number[]} range */
  const along = (at, [low, high]) => (side * (at - low)) / (high - low);
  /** @param {number} index */
  const name = (index) => svg`<tspan class="v">x</tspan><tspan class="sub" dy="3">${index}</tspan>`;
  return html`<svg aria-hidden="true">${TICKS.map((tick) => {
    const [across, down] = [along(tick, x), side - along(tick, y)];
    return svg`<path d="M${across.toFixed(1)} ${side}v4M0 ${down.toFixed(1)}h-4"></path><text x=${across.toFixed(1)}
      y=${side + 16} text-anchor="middle">${fixed(tick, 0)}</text><text x="-8" y=${(down + 4).toFixed(1)}
      text-anchor="end">${fixed(tick, 0)}</text>`;
  })}<text x="-8" y="10" text-anchor="end">${name(2)}</text><text x=${side} y=${side + 15}
    text-anchor="end">${name(1)}</text></svg>`;
}

/** @param {number | null | undefined} value */
const costOr = (value) => (value === null || value === undefined ? '–' : cost(value));

/** @param {readonly import('../types/protocol').LayerParameters[] | undefined} layers */
const weights = (layers) =>
  layers
    ? layers.map(
        (
          { weights: rows, biases },
          index,
        ) => html`<section><h3>Layer ${index + 1}<span class="cap">${rows.length} to ${biases.length}</span></h3>
          <table><thead><tr><td></td>${biases
            .slice(0, MOST_COLUMNS)
            .map((_, unit) => html`<th scope="col">${unit + 1}</th>`)}</tr></thead><tbody>${rows
            .slice(0, MOST_ROWS)
            .map(
              (row, input) =>
                html`<tr><th scope="row">${index === 0 ? 'x' : 'a'}<sub>${input + 1}</sub></th>${row
                  .slice(0, MOST_COLUMNS)
                  .map((value) => html`<td class=${value < 0 ? 'minus' : 'plus'}>${parameter(value)}</td>`)}</tr>`,
            )}<tr class="bias"><th scope="row">b</th>${biases
            .slice(0, MOST_COLUMNS)
            .map(
              (value) => html`<td class=${value < 0 ? 'minus' : 'plus'}>${parameter(value)}</td>`,
            )}</tr></tbody></table>${
            biases.length > MOST_COLUMNS || rows.length > MOST_ROWS
              ? html`<p class="cap">The first ${MOST_COLUMNS} of ${biases.length} units.</p>`
              : nothing
          }</section>`,
      )
    : html`<p class="cap">Its weights come with its next frame.</p>`;
