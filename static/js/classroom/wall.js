/** The wall: a tile for everybody, the bar above it, and the line below that spells one out. */

import { repeat } from '../../vendor/lit-html/directives/repeat.js';
import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { counted } from '../format.js';
import { palette } from '../theme.js';
import { shortCost, shortTest } from './differs.js';
import { symbol } from './symbols.js';
import { paintTile } from './tile-picture.js';
import { fitting, SORTS, stepTo } from './wall-order.js';

/** @typedef {import('./desk.js').Desk} Desk */
/** @typedef {import('./wall-order.js').Seen} Seen */
/** @typedef {import('./tile-picture.js').Drawn} Drawn */
/** @typedef {import('../types/rooms').Tile} Tile */

/** The side of a tile's picture, where it is not everybody's (CSS pixels). */
const SIDES = { large: 104, medium: 64 };
/** With more tiles than this in a strip only the spotlit are there. */
const MOST_IN_STRIP = 40;

/** What is painted on which canvas: no more than what changes is painted again. @type {WeakMap<HTMLCanvasElement, string>} */
const stamps = new WeakMap();
/** Of which points. @type {WeakMap<HTMLCanvasElement, Drawn | null>} */
const drawnOn = new WeakMap();

/**
 * Paints the canvases within a place that show something else now.
 *
 * @param {HTMLElement} place
 * @param {Desk} desk
 * @param {ReadonlyMap<number, Drawn | null>} points
 */
export function paintWithin(place, desk, points) {
  for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (place.querySelectorAll('canvas[data-member]'))) {
    const number = Number(canvas.dataset.member);
    const tile = desk.state.tiles.get(number);
    const side = Number(canvas.dataset.side);
    // Of everybody at once there are pictures alone.
    const drawn = canvas.hasAttribute('data-bare') ? null : (points.get(number) ?? null);
    const stamp = `${tile?.iteration} ${tile?.cost} ${side} ${palette.peek()} ${tile?.boundary?.values[0]}`;
    if (stamps.get(canvas) === stamp && drawnOn.get(canvas) === drawn) continue;
    stamps.set(canvas, stamp);
    drawnOn.set(canvas, drawn);
    const regression = desk.setUp(number)?.experiment.problem === 'regression';
    paintTile(canvas, tile?.boundary ?? null, { side, drawn, line: !regression, radius: side > 100 ? 1.5 : 1.1 });
  }
}

/**
 * @param {Desk} desk
 * @param {HTMLElement} place
 * @param {ReturnType<typeof import('./tile-picture.js').pointsOfAll>} drawn
 */
export function mountWall(desk, place, { points, arrived }) {
  /** Of the wall, within its padding. */
  const space = signal({ width: 0, height: 0 });
  const narrow = matchMedia('(max-width: 1024px)');
  /** As css/room.css has it. */
  const phone = matchMedia('(max-width: 759px)');
  const isNarrow = signal(narrow.matches);
  narrow.addEventListener('change', () => {
    isNarrow.value = narrow.matches;
  });
  /** The tile that Tab leads to: the one that had the keyboard last. */
  const tabbed = signal(0);
  const fit = computed(() => fitting(desk.shown.value.length, space.value.width, space.value.height, desk.size.value));

  render(
    html`<div class="bar"></div><div class="scroller" tabindex="-1"><ul class="tiles"></ul></div><div class="spell"></div>`,
    place,
  );
  const [bar, scroller, spell] = /** @type {HTMLElement[]} */ ([...place.children]);
  const list = /** @type {HTMLElement} */ (scroller.firstElementChild);

  new ResizeObserver(() => {
    const { paddingLeft } = getComputedStyle(list);
    const { clientWidth, clientHeight } = place;
    // Where the page scrolls as a whole, a window's height is what is seen at once.
    const tall = phone.matches ? innerHeight : clientHeight;
    // While networks are opened the wall has no size, and keeps the one it had.
    if (clientWidth === 0) return;
    // Sizes are those of text of 16 pixels: with larger text there is room for fewer.
    const larger = Math.max(1, Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16);
    const width = (clientWidth - 2 * Number.parseFloat(paddingLeft)) / larger;
    const height = (tall - bar.offsetHeight) / larger;
    if (width !== space.peek().width || height !== space.peek().height) space.value = { width, height };
  }).observe(place);

  const summary = () => {
    const room = desk.state.room.value;
    const members = [...desk.state.members.value.values()];
    const task = desk.task.value;
    const question = desk.question.value;
    const asking = question?.open === true && question.counts === undefined;
    const solved = members.filter((member) => (task === null ? false : member.solved.includes(task))).length;
    const hands = members.filter(({ hand }) => hand != null).length;
    const away = members.filter(({ here }) => !here).length;
    /** @param {string} name @param {unknown} content */
    const filter = (name, content) =>
      html`<button class="btn quiet" type="button" aria-pressed=${String(desk.filter.value === name)}
        @click=${() => desk.toggleFilter(name)}>${content}</button>`;
    const up = isNarrow.value ? 'up' : hands === 1 ? 'hand up' : 'hands up';
    return html`<div class="sum" role="group" aria-label="Show only">${
      asking && question
        ? html`${filter('answered', html`<b>${question.answered}</b> of ${question.of} answered`)}${filter(
            'unanswered',
            html`<b>${question.of - question.answered}</b> not yet`,
          )}`
        : task !== null
          ? filter('solved', html`<b>${solved}</b> of ${members.length} solved`)
          : html`<span class="in"><b>${members.length}</b> in</span>`
    }${hands > 0 || desk.filter.value === 'hands' ? filter('hands', html`${symbol('hand')}<b>${hands}</b> ${up}`) : nothing}${
      (away > 0 && !asking) || desk.filter.value === 'away'
        ? filter('away', html`${symbol('away')}<b>${away}</b> away`)
        : nothing
    }</div>
      <span class="opt">${
        desk.unsorted.value && room
          ? html`<button class="btn quiet again" type="button" @click=${() => desk.sortBy(desk.sort.peek())}>Sort again</button>`
          : nothing
      }<span class="lbl" id="sort-label">Sort</span>${
        isNarrow.value
          ? html`<select class="select" aria-label="Sort" @change=${(/** @type {Event} */ event) =>
              desk.sortBy(
                /** @type {import('./wall-order.js').Sort} */ (/** @type {HTMLSelectElement} */ (event.target).value),
              )}>${SORTS.map(
              (sort) => html`<option value=${sort} ?selected=${desk.sort.value === sort}>by ${sort}</option>`,
            )}</select>`
          : html`<span class="seg" role="radiogroup" aria-labelledby="sort-label">${SORTS.map(
              (sort) => html`<label><input class="vh" type="radio" name="sort" .checked=${desk.sort.value === sort}
                @change=${() => desk.sortBy(sort)}><span class="face">${sort}</span></label>`,
            )}</span>`
      }</span>
      <span class="opt"><label class="lbl" for="show">Show</label><select class="select" id="show" aria-label="Show"
        @change=${(/** @type {Event} */ event) => desk.show(/** @type {HTMLSelectElement} */ (event.target).value)}>${desk.filters
          .filter(({ name }) => asking || !name.endsWith('answered') || name === desk.filter.value)
          .map(
            ({ name, label }) => html`<option value=${name} .selected=${desk.filter.value === name}>${label}</option>`,
          )}</select></span>
      <span class="seg icons" role="radiogroup" aria-label="Tile size">${
        /** @type {const} */ (['large', 'medium', 'everybody']).map(
          (
            size,
          ) => html`<label title=${size === 'everybody' ? 'Everybody' : `${size[0].toUpperCase()}${size.slice(1)} tiles`}><input
          class="vh" type="radio" name="size" aria-label=${size} .checked=${fit.value.size === size} @change=${() => {
            desk.size.value = size;
          }}><span class="face">${symbol(size === 'everybody' ? 'small' : size)}</span></label>`,
        )
      }</span>`;
  };

  const nobody = () => {
    const filter = desk.filters.find(({ name }) => name === desk.filter.value);
    return filter && filter.name !== 'all'
      ? `Nobody here is ${filter.label}.`
      : 'Nobody is in yet. The code is on the projector.';
  };

  /** @param {Seen} seen */
  const classes = ({ member }) => `${member.here ? '' : 'away'} ${member.hand != null ? 'hand' : ''}`;

  /** @param {Seen} seen */
  const inWords = ({ member, tile: now }) => {
    const tasks = desk.state.room.value?.tasks.length ?? 0;
    return [
      desk.nameOf(member),
      desk.lineOf(member),
      ...(now ? [`cost ${shortCost(now.cost)}`, `test ${shortTest(now)}`] : []),
      member.hand != null ? 'hand up' : !member.here ? 'away' : now?.playing ? 'playing' : 'paused',
      ...(tasks > 0 ? [`${member.solved.length} of ${tasks} tasks solved`] : []),
    ].join(', ');
  };

  /** @param {Seen} seen */
  const state = ({ member, tile: now }) =>
    member.hand != null
      ? html`<span class="hand">${symbol('hand')}</span>`
      : !member.here
        ? symbol('away')
        : symbol(now?.playing ? 'play' : 'pause', now?.playing ? 'solid' : '');

  /** @param {Seen} seen */
  const dots = ({ member }) => {
    const room = desk.state.room.value;
    const { lesson, tasks = [] } = room ?? {};
    const all =
      tasks.length > 0
        ? tasks.slice(-6).map(({ id }) => member.solved.includes(id))
        : (lesson?.steps.slice(0, 6).map((_, index) => (member.steps ?? []).includes(index + 1)) ?? []);
    return html`<span class="dots ${all.length > 3 ? 'many' : ''}">${all.map((on) => html`<i class=${on ? 'on' : ''}></i>`)}</span>`;
  };

  /** @param {Seen} seen @param {readonly number[]} lit @param {boolean} tabbed @param {number} side */
  const tile = (seen, lit, tabbed, side) => {
    const { member, tile: now } = seen;
    const question = desk.question.value;
    const asking = question?.open === true && question.counts === undefined && member.here;
    const numeral = lit.indexOf(member.member) + 1;
    const diverged = now?.ended === 'diverged';
    const { tasks = [] } = desk.state.room.value ?? {};
    const words = member.hand != null ? 'hand up' : !member.here ? 'away' : now?.playing ? 'playing' : 'paused';
    return html`<button class="tile ${classes(seen)} ${numeral ? 'lit' : ''}" type="button" data-tile=${member.member}
      tabindex=${tabbed ? 0 : -1}><span class="who">${desk.nameOf(member)}</span><span class="diff">${
        asking
          ? member.answered
            ? html`<span class="ans">${symbol('check')}answered</span>`
            : html`<span class="noans">not yet</span>`
          : desk.lineOf(member)
      }</span><span class="pic"><canvas data-member=${member.member} data-side=${side} aria-hidden="true"></canvas>${
        numeral ? html`<span class="letter">${numeral}</span>` : nothing
      }</span><span class="sidecol"><span class="state">${state(seen)}</span><span class="nums">${
        diverged
          ? html`<b class="words">diverged</b>`
          : html`<i class="v">J</i><b>${shortCost(now?.cost)}</b><i>test</i><b>${shortTest(now)}</b>`
      }</span>${dots(seen)}</span><span class="vh">, ${words}${
        tasks.length > 0 ? `, ${member.solved.length} of ${tasks.length} tasks solved` : ''
      }</span></button>`;
  };

  /** @param {Seen} seen @param {readonly number[]} lit @param {boolean} tabbed @param {number} side */
  const small = (seen, lit, tabbed, side) => {
    const { member } = seen;
    const task = desk.task.value;
    const question = desk.question.value;
    const asking = question?.open === true && question.counts === undefined;
    const ok = asking ? member.answered : task !== null && member.solved.includes(task);
    return html`<button class="tile ${classes(seen)} ${lit.includes(member.member) ? 'lit' : ''}" type="button"
      data-tile=${member.member} tabindex=${tabbed ? 0 : -1} aria-label=${inWords(seen)}><span class="pic"
      aria-hidden="true"><canvas data-bare data-member=${member.member} data-side=${side}></canvas></span>${
        ok ? html`<i class="ok"></i>` : nothing
      }${member.hand != null ? html`<i class="up">${symbol('hand')}</i>` : nothing}</button>`;
  };

  effect(() => {
    const seen = desk.everybody.value.get(desk.looked.value) ?? desk.everybody.value.get(desk.shown.value[0]);
    const dense = fit.value.size === 'everybody' && desk.shown.value.length > 0;
    spell.hidden = !dense;
    if (!dense || !seen) {
      render(nothing, spell);
      return;
    }
    const { member, tile: now } = seen;
    render(
      html`<span><b>${desk.nameOf(member)}</b></span><span>${desk.lineOf(member)}</span><span><span class="v">J</span>
        ${shortCost(now?.cost)}</span><span>test ${shortTest(now)}</span><span class="keys"><span><i
        class="d"></i>solved</span><span><i class="hd">${symbol('hand')}</i>hand up</span><span><i class="aw"></i>away</span></span>`,
      spell,
    );
  });

  effect(() => {
    render(summary(), bar);
  });

  effect(() => {
    void [arrived.value, palette.value, desk.now.value];
    const { size, columns, side } = fit.value;
    const everybody = desk.everybody.value;
    const room = desk.state.room.value;
    const shown = desk.shown.value;
    const lit = room?.spotlight ?? [];
    const tab = shown.includes(tabbed.value) ? tabbed.value : shown[0];
    list.className = `tiles ${size}`;
    list.style.setProperty('--c', String(columns));
    list.style.setProperty('--d', `${side}px`);
    list.ariaLabel = counted(shown.length, 'network');
    const was = [...list.querySelectorAll('[data-tile]')].indexOf(/** @type {Element} */ (document.activeElement));
    const held = was < 0 ? 0 : Number(/** @type {HTMLElement} */ (document.activeElement).dataset.tile);
    render(
      room && shown.length === 0
        ? html`<li class="empty">${nobody()}</li>`
        : repeat(
            shown,
            (number) => number,
            (number) => {
              const seen = /** @type {Seen} */ (everybody.get(number));
              return html`<li>${
                size === 'everybody'
                  ? small(seen, lit, number === tab, side)
                  : tile(seen, lit, number === tab, SIDES[size])
              }</li>`;
            },
          ),
      list,
    );
    paintWithin(list, desk, points);
    // A tile that is drawn anew, at another size, has the keyboard as before; that of somebody who is gone gives it on.
    if (held && !list.contains(document.activeElement)) {
      const next = shown.includes(held) ? held : shown[Math.min(was, shown.length - 1)];
      queueMicrotask(() => next && focus(next));
    }
  });

  /** @param {Event} event */
  const memberAt = (event) => {
    const button = /** @type {Element} */ (event.target).closest('[data-tile]');
    return button instanceof HTMLElement ? Number(button.dataset.tile) : 0;
  };
  /** @param {number} number */
  const focus = (number) => {
    tabbed.value = number;
    /** @type {HTMLElement | null} */ (list.querySelector(`[data-tile="${number}"]`))?.focus();
  };
  for (const kind of ['focusin', 'pointerover'])
    list.addEventListener(kind, (event) => {
      const number = memberAt(event);
      if (number) desk.looked.value = number;
      if (number && kind === 'focusin') tabbed.value = number;
    });
  list.addEventListener('click', (event) => {
    const number = memberAt(event);
    if (number) desk.open([number]);
  });
  list.addEventListener('keyup', (event) => {
    // Else the browser presses the tile.
    if (event.key === ' ') event.preventDefault();
  });
  list.addEventListener('keydown', (event) => {
    const number = memberAt(event);
    if (!number || event.ctrlKey || event.metaKey || event.altKey) return;
    const shown = desk.shown.peek();
    const at = shown.indexOf(number);
    const { columns } = fit.peek();
    const rows = Math.floor(
      scroller.clientHeight / Math.max(1, /** @type {HTMLElement} */ (event.target).offsetHeight),
    );
    const to = stepTo(event.key, at, shown.length, columns, rows);
    if (to !== null) {
      event.preventDefault();
      focus(shown[to]);
    } else if (event.key === ' ') {
      event.preventDefault();
      desk.toggleLit(number);
    } else if (/^\p{L}$/u.test(event.key)) {
      const names = shown.map((each) => desk.everybody.peek().get(each)?.member.name ?? '');
      const next = [...names.keys()]
        .map((index) => (at + 1 + index) % shown.length)
        .find((index) => names[index].toLowerCase().startsWith(event.key.toLowerCase()));
      if (next !== undefined) focus(shown[next]);
    }
  });
  return { focus };
}

/** Who is in a strip below networks that are opened. @param {Desk} desk */
export const inStrip = (desk) => {
  const shown = desk.shown.value;
  if (shown.length <= MOST_IN_STRIP) return shown;
  const lit = desk.state.room.value?.spotlight ?? [];
  return [...new Set([...desk.opened.value, ...lit])];
};
