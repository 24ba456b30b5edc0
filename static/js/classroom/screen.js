/** The page /rooms/ID/screen, of the projector: puts it together. Imports everything, is imported by nothing. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { Announcer } from '../announcer.js';
import { defaultsOf, experimentOf } from '../experiment/experiment.js';
import { cost, count } from '../format.js';
import { pathHere, serverPath } from '../links.js';
import { ALONE, reach } from '../reach.js';
import { nextTheme, palette, theme } from '../theme.js';
import { newer } from '../version.js';
import { inGroups } from './calls.js';
import { brief } from './differs.js';
import { LETTERS } from './letters.js';
import { takeKey } from './place.js';
import { RoomState } from './room-state.js';
import { RoomStream } from './room-stream.js';
import { asScreen, filling, footOf, sceneOf } from './screen-view.js';
import { mark, symbol } from './symbols.js';
import { paintTile, pointsOfAll } from './tile-picture.js';
import { Watching } from './watching.js';

/** @typedef {import('../types/rooms').ScreensRoom} ScreensRoom */

/** The page is drawn for such a screen, and grows with it (CSS pixels). */
const [WIDTH, HEIGHT] = [1024, 768];
const PADDING = 44;
const FOOT = 68;
/** Up to this side a picture is one of many (CSS pixels). */
const SMALL = 150;
/** A name below a picture has two lines. */
const NAMES = 58;
/** With more than this the marks of who has solved it are small. */
const MOST_LARGE = 40;
/** A question and its choices of more are written smaller. */
const MOST_LETTERS = 280;

const page = /** @type {HTMLElement} */ (document.getElementById('page'));
const announcer = new Announcer();
announcer.mount(/** @type {HTMLElement} */ (document.getElementById('announcer')));
/** @type {import('../types/protocol').Catalogue} */
const catalogue = JSON.parse(document.getElementById('catalogue')?.textContent ?? '');
const defaults = defaultsOf(catalogue);
const id = decodeURIComponent(pathHere().split('/rooms/')[1] ?? '').replace(/\/screen\/?$/, '');
const key = takeKey(`${id}/screen`);

/** @param {string} title @param {string} text */
function closed(title, text) {
  render(html`<main class="closed"><h1 tabindex="-1">${title}</h1><p class="soft">${text}</p></main>`, page);
  page.querySelector('h1')?.focus();
}

if (key === null) closed('This page needs the room’s key.', 'Open it from the teacher’s page: Projector.');
else open(key);

/** @param {number | null} value */
const costOf = (value) => (value === null ? '–' : value < 1 ? value.toFixed(3) : cost(value));

/** @param {string} key */
function open(key) {
  /** @type {RoomState<any>} */
  const state = new RoomState();
  const watching = new Watching();
  const chosen = signal(/** @type {'' | 'join' | 'wall'} */ (''));
  const refused = signal('');
  const address = signal(location.host);
  /** Whether that leads nobody else here. */
  const alone = signal(false);
  void reach().then(({ origin, own }) => {
    address.value = origin.replace(/^https?:\/\//, '');
    alone.value = own;
  });
  const size = signal({ width: innerWidth, height: innerHeight });
  addEventListener('resize', () => {
    size.value = { width: innerWidth, height: innerHeight };
  });
  const room = computed(() => {
    const now = state.room.value;
    return /** @type {ScreensRoom | null} */ (now?.role === 'teacher' ? asScreen(now, state.members.value.size) : now);
  });
  const lit = computed(() => String(room.value?.spotlight.map(({ member }) => member) ?? ''));
  const stream = new RoomStream(id, key, {
    receive: (message) => {
      if (state.receive(message)) return;
      if (message.type === 'watched') watching.receive(message.member, message.message);
      if (message.type === 'error') refused.value = message.detail;
    },
    receiveBytes: (message) => {
      if (message.frame) watching.receiveFrame(message.watched, message.frame);
      else state.receiveTiles(message);
    },
    opened: () => state.room.peek()?.role === 'teacher' && watch(),
  });
  const watch = () => stream.say({ type: 'watch', members: lit.peek().split(',').filter(Boolean).map(Number) });
  effect(() => {
    const members = lit.value.split(',').filter(Boolean).map(Number);
    watching.only(members);
    if (state.room.peek()?.role === 'teacher') watch();
  });
  keepAwake();

  const { points, arrived } = pointsOfAll(state, catalogue.defaults.data);

  /** @param {'join' | 'wall'} name @param {string} label */
  function button(name, label) {
    return html`<button class="btn small" type="button" aria-pressed=${String(chosen.value === name)} @click=${() => {
      chosen.value = chosen.peek() === name ? '' : name;
    }}>${label}</button>`;
  }

  function paint() {
    for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (page.querySelectorAll('canvas[data-member]'))) {
      const number = Number(canvas.dataset.member);
      const watched = watching.all.get(number);
      const data = watched?.configured?.data;
      const side = canvas.clientWidth;
      paintTile(canvas, watched?.frame?.runs[0].boundary ?? state.tiles.get(number)?.boundary ?? null, {
        side,
        drawn: data
          ? { points: data.points, labels: data.labels, test: new Set(data.split.test) }
          : (points.get(number) ?? null),
        line: state.setups.get(number)?.data?.task !== 'regression',
        // In a small one they leave the picture to be seen.
        radius: side > SMALL ? Math.max(2.4, side / 115) : Math.max(1.1, side / 70),
      });
    }
  }

  /** @param {number} number */
  function setUpOf(number) {
    const setup = state.setups.get(number);
    return setup ? brief({ ...defaults, ...experimentOf(setup, catalogue) }, catalogue) : '';
  }

  /** @param {number} member @param {number} numeral @param {string} [name] */
  function net(member, numeral, name) {
    const watched = watching.all.get(member);
    const tile = state.tiles.get(member);
    const run = watched?.frame?.runs[0];
    const share = run ? run.test_accuracy : (tile?.test_accuracy ?? null);
    const now = run?.train_cost ?? tile?.cost ?? null;
    const test = run ? run.test_cost : (tile?.test_cost ?? null);
    return html`<figure><h2><span class="letter">${numeral}</span>${name ? `${name}: ` : ''}${
      setUpOf(member) || 'not there yet'
    }</h2><div class="pic"><canvas data-member=${member} role="img"
      aria-label="Output of network ${numeral}"></canvas></div><dl><div><dt>Iteration</dt><dd>${count(
        watched?.frame?.iteration ?? tile?.iteration ?? 0,
      )}</dd></div><div><dt>Cost</dt><dd>${costOf(now)}</dd></div>${
        share !== null
          ? html`<div><dt>Test</dt><dd>${Math.round(100 * share)}%</dd></div>`
          : test !== null
            ? html`<div><dt>Test cost</dt><dd>${costOf(test)}</dd></div>`
            : nothing
      }</dl></figure>`;
  }

  /** @param {ScreensRoom} now @param {string} scene */
  function foot(now, scene) {
    const gone = stream.state.value !== 'live';
    const held = now.held ? html`<span class="held">${symbol('eye')}Eyes here</span>` : nothing;
    return html`<footer class="foot">${mark}${
      scene === 'join'
        ? html`<span>${now.title}</span>${gone ? nothing : held}<span class=${gone ? 'gone' : ''}>${
            gone ? 'Reconnecting' : now.locked ? 'The door is locked' : 'There is no O, 0, I or 1 in a code'
          }</span>`
        : html`<span>${address.value}${serverPath('/j')}</span><b>${inGroups(now.code)}</b>${gone ? nothing : held}<span class=${
            gone ? 'gone' : ''
          }>${gone ? 'Reconnecting' : footOf(now, /** @type {import('./screen-view.js').Scene} */ (scene))}</span>`
    }</footer>`;
  }

  /** @type {Record<import('./screen-view.js').Scene, (now: ScreensRoom, unit: number) => unknown>} */
  const SCENES = {
    join: (now) =>
      html`<main class="stage"><div><p class="soft">Join the class. Open</p><h1 class="addr">${address.value}${serverPath(
        '/j',
      )}</h1><p class="soft">${
        alone.value ? ALONE : html`or point a camera at the square.<br>No account, no name to type.`
      }</p></div>${
        alone.value
          ? html`<span></span>`
          : html`<img class="qr" alt="QR code of the join address" src=${serverPath(`/rooms/${id}/code.svg?${now.code}`)}>`
      }<div class="big6"><p class="code">${now.code.slice(0, 3)}<span>${now.code.slice(
        3,
      )}</span></p><p class="in"><b>${now.in}</b><span class="soft">${now.in === 1 ? 'is in' : 'are in'}</span></p></div></main>`,
    spot: (now) =>
      html`<main class="stage"><h1 class="vh">Networks that we look at</h1>${now.spotlight.map(
        ({ member, name }, index) => net(member, index + 1, name),
      )}</main>`,
    exam(now) {
      const question = now.question;
      if (!question) return nothing;
      const { counts, before = [], right } = question;
      const most = Math.max(1, ...(counts ?? []));
      return html`<main class="stage"><h1>${question.text}</h1>${
        counts
          ? html`<ul class="hist">${question.choices.map(
              (
                choice,
                index,
              ) => html`<li class=${index === right ? 'right' : ''}><span class="l">${LETTERS[index]}</span><span
                class="t">${choice}${index === right ? html`${symbol('check')}<span class="vh">right</span>` : nothing}</span><span
                class="n">${
                  before.length > 0
                    ? html`<small>${before.map((round) => round[index]).join(', ')} → </small>`
                    : nothing
                }${counts[index]}</span><span class="b" aria-hidden="true"><i
                style="width: ${(100 * counts[index]) / most}%"></i></span></li>`,
            )}</ul>`
          : html`<ol class="choices">${question.choices.map(
              (choice, index) => html`<li><span>${LETTERS[index]}</span><span>${choice}</span></li>`,
            )}</ol>`
      }${
        now.spotlight.length > 0
          ? html`<div class="nets">${now.spotlight.slice(0, 2).map(
              ({ member }, index) => html`<figure><span class="pic"><canvas data-member=${member} role="img"
                aria-label="Output of network ${index + 1}"></canvas><span class="letter">${index + 1}</span></span></figure>`,
            )}</div>`
          : nothing
      }</main>`;
    },
    done(now) {
      const { task } = now;
      if (!task) return nothing;
      const many = now.in > MOST_LARGE;
      return html`<main class="stage"><h1><span>Task ${task.number} of ${task.of}</span>${task.title}</h1><div><p
        class="n">${task.solved}</p><p
        class="of">of ${now.in} have solved it</p></div><div class="grid ${many ? 'many' : ''}" aria-hidden="true">${Array.from(
          { length: now.in },
          (_, index) =>
            html`<i class=${index < task.solved ? 'on' : ''}>${index < task.solved ? symbol('check') : nothing}</i>`,
        )}</div></main>`;
    },
    wall(now, unit) {
      const members = [...state.members.value.values()].sort((a, b) => a.member - b.member);
      const { width, height } = size.value;
      const named = now.names;
      const { columns, side } = filling(
        members.length,
        width - 2 * PADDING * unit,
        height - (FOOT + 60) * unit,
        12 * unit,
        named ? NAMES * unit : 0,
      );
      return html`<main class="stage"><h1 class="vh">Everybody’s network</h1><ul class="many"
        style="--c: ${columns}; --d: ${side}px">${members.map(
          ({
            member,
            name,
            here,
          }) => html`<li class=${here ? '' : 'away'}><span class="pic"><canvas data-member=${member}
          aria-hidden="true"></canvas></span>${named && name ? html`<span class="names">${name}</span>` : nothing}</li>`,
        )}</ul></main>`;
    },
  };

  let heard = '';
  effect(() => {
    void [state.painted.value, watching.news.value, palette.value, arrived.value];
    const now = room.value;
    if (state.over.value) {
      closed('The room is over.', state.over.value);
      return;
    }
    if (!now) {
      if (stream.state.value === 'refused') closed('This page does not open the room any more.', refused.value);
      else render(html`<main class="closed"><h1>Connecting</h1></main>`, page);
      return;
    }
    document.title = `${now.title} – Shallows`;
    const scene = sceneOf(now, chosen.value);
    const { width, height } = size.value;
    const unit = Math.min(width / WIDTH, height / HEIGHT);
    render(
      html`<div class="tools ${newer.value ? 'shown' : ''}">${
        newer.value
          ? html`<button class="btn small" type="button" @click=${() => location.reload()}>New version: reload</button>`
          : nothing
      }${button('join', 'Code')}${button('wall', 'Wall')}<button class="btn small" type="button" @click=${() => {
        theme.value = nextTheme();
      }}>Theme</button><button class="btn small" type="button" @click=${() =>
        document.fullscreenElement
          ? document.exitFullscreen()
          : document.documentElement.requestFullscreen()}>Full screen</button></div>
      ${SCENES[scene](now, unit)}${foot(now, scene)}`,
      page,
    );
    const { text = '', choices = [] } = now.question ?? {};
    const long = scene === 'exam' && [text, ...choices].join('').length > MOST_LETTERS;
    page.className = `s-${scene} ${long ? 'long' : ''} ${
      scene === 'spot'
        ? ['', 'one', 'two', 'many', 'many'][now.spotlight.length]
        : scene === 'exam' && now.spotlight.length === 0
          ? 'alone'
          : ''
    }`;
    paint();
    const said =
      scene === 'exam' && now.question
        ? now.question.text
        : scene === 'done' && now.task
          ? `${now.task.title}: ${now.task.solved} of ${now.in}`
          : '';
    if (said !== heard) announcer.say(said);
    heard = said;
  });
}

/** A screen that sleeps shows nothing; where the browser lets no page keep it awake, it wakes up and goes on. */
function keepAwake() {
  const ask = () => {
    if (!document.hidden) navigator.wakeLock?.request('screen').catch(() => {});
  };
  document.addEventListener('visibilitychange', ask);
  ask();
}
