/** What a teacher's page is: the room as it is told, what the teacher looks at, and what they do. No view knows more. */

import { batch, computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { Announcer } from '../announcer.js';
import { ask } from '../asking.js';
import { fromHash } from '../experiment/address.js';
import { experimentOf, runSpec } from '../experiment/experiment.js';
import { counted } from '../format.js';
import { call } from './calls.js';
import { brief, differences, line, STUCK } from './differs.js';
import { CHANNEL } from './offering.js';
import { keepKey } from './place.js';
import { teachersNews } from './room-news.js';
import { RoomState } from './room-state.js';
import { RoomStream } from './room-stream.js';
import { comparing, filtersOf, isSorted, kept, sorted } from './wall-order.js';
import { Watching } from './watching.js';

/** @typedef {import('../types/rooms').TeachersRoom} TeachersRoom */
/** @typedef {import('../types/rooms').RoomMember} RoomMember */
/** @typedef {import('../types/rooms').Setup} Setup */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('./wall-order.js').Seen} Seen */
/** @typedef {import('./wall-order.js').Sort} Sort */
/** @typedef {import('./offering.js').Offer} Offer */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** How often what is said in minutes is said anew (milliseconds). */
const MINUTES = 10_000;
/** A tab that has not said anything for so long is gone; it is asked so often. */
const ASK_EVERY = 5000;
export const MOST_SPOTLIT = 4;
/** The room says what was done within this time (milliseconds). */
const ANSWERS_WITHIN = 1500;
/** From one spoken count to the next (milliseconds). */
const SAID_EVERY = 10_000;

/** @typedef {'' | 'ask' | 'task' | 'lesson' | 'hide'} Section */

export class Desk {
  /** @type {RoomState<TeachersRoom>} */
  state = new RoomState();
  watching = new Watching();
  /** @type {Signal<Sort>} */
  sort = signal(/** @type {Sort} */ ('name'));
  filter = signal('all');
  /** The size that the teacher has chosen. */
  size = signal(/** @type {import('./wall-order.js').Size | null} */ (null));
  /** Members whose networks are opened, in the order in which they were. */
  opened = signal(/** @type {readonly number[]} */ ([]));
  /** The tile that has the keyboard, or is pointed at. */
  looked = signal(0);
  section = signal(/** @type {Section} */ (''));
  /** What went wrong last; '' is nothing. */
  problem = signal('');
  announcer = new Announcer();
  seeds = signal(/** @type {'same' | 'own'} */ ('own'));
  playing = signal(false);
  /** Whether this page shows names: on a laptop that is mirrored it had better not. */
  named = signal(true);
  /** What is set up in the main pages of this browser, the latest first. @type {Signal<readonly Offer[]>} */
  offers = signal(/** @type {readonly Offer[]} */ ([]));
  /** The tab whose experiment is sent; '' is the latest. */
  tab = signal('');
  /** The code that opens this page on another device. */
  pairing = signal(/** @type {{code: string, until: number} | null} */ (null));
  /** Seconds since 1970, as the server has them. */
  now = signal(Date.now() / 1000);
  /** What was in the spotlight last. @type {readonly number[]} */
  lastLit = [];
  filters;
  stream;

  #id;
  #key;
  #fields;
  #defaults;
  #catalogue;
  #skew = 0;
  #order = signal(/** @type {readonly number[]} */ ([]));
  /** Those that a filter has found, as long as it is not pressed again. */
  #found = signal(/** @type {ReadonlySet<number> | null} */ (null));
  /** @type {WeakMap<Setup, {experiment: Experiment, activation: string}>} */
  #read = new WeakMap();
  /** @type {Map<string, number>} */
  #heard = new Map();
  /** What was put in the spotlight last, while the room has not said so yet. */
  #chosen = { members: /** @type {readonly number[]} */ ([]), until: 0 };
  #channel = new BroadcastChannel(CHANNEL);

  /** What was sent last, as it is set up. */
  sent = computed(() => {
    const sent = this.state.room.value?.experiment;
    return sent ? fromHash(sent.page, this.#defaults, this.#fields).experiment : null;
  });
  task = computed(() => this.state.room.value?.task ?? null);
  question = computed(() => {
    const room = this.state.room.value;
    return room?.questions.find(({ id }) => id === room.question) ?? null;
  });
  /** Whether sections that are not open are one line each: something takes the room. */
  folded = computed(() => this.section.value !== '' || this.question.value !== null);
  /** Everybody, by number. @type {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<ReadonlyMap<number, Seen>>} */
  everybody = computed(() => {
    void this.state.painted.value;
    return new Map(
      [...this.state.members.value].map(([number, member]) => [
        number,
        { member, tile: this.state.tiles.get(number), activation: this.setUp(number)?.activation ?? '' },
      ]),
    );
  });
  /** Who is on the wall, in order. */
  shown = computed(() => {
    const found = this.#found.value;
    return found ? this.#order.value.filter((number) => found.has(number)) : this.#order.value;
  });
  /** Whether sorting would change something. */
  unsorted = computed(
    () => !isSorted(this.#order.value, this.everybody.value, comparing(this.sort.value, this.task.value)),
  );
  /** What goes if Send is pressed. */
  offer = computed(() => this.offers.value.find(({ tab }) => tab === this.tab.value) ?? this.offers.value[0] ?? null);

  /**
   * @param {string} id
   * @param {string} key
   * @param {import('../types/protocol').Catalogue} catalogue
   * @param {import('../experiment/experiment.js').Fields} fields
   * @param {Experiment} defaults
   */
  constructor(id, key, catalogue, fields, defaults) {
    this.#id = id;
    this.#key = key;
    this.#catalogue = catalogue;
    this.#fields = fields;
    this.#defaults = defaults;
    this.filters = filtersOf(catalogue);
    this.stream = new RoomStream(id, key, {
      receive: (message) => this.#receive(message),
      receiveBytes: (message) => {
        if (message.frame) this.watching.receiveFrame(message.watched, message.frame);
        else this.state.receiveTiles(message);
      },
      opened: () => this.#watch(),
    });
    // Who comes goes where the order says, who is gone leaves no gap; nothing else moves.
    effect(() => {
      const everybody = this.everybody.value;
      const order = kept(this.#order.peek(), everybody, comparing(this.sort.peek(), this.task.peek()));
      if (String(order) !== String(this.#order.peek())) this.#order.value = order;
    });
    effect(() => {
      const { holds } = this.filters.find(({ name }) => name === this.filter.value) ?? this.filters[0];
      const found = this.#found.peek();
      if (this.filter.value === 'all') {
        if (found) this.#found.value = null;
        return;
      }
      const task = this.task.peek();
      const more = [...this.everybody.value.values()]
        .filter((seen) => holds(seen, task))
        .map(({ member }) => member.member);
      if (!found || more.some((number) => !found.has(number))) this.#found.value = new Set([...(found ?? []), ...more]);
    });
    effect(() => {
      const members = this.state.members.value;
      const open = this.opened.peek().filter((number) => members.has(number));
      if (open.length < this.opened.peek().length) this.open(open);
    });
    effect(() => {
      const lit = this.state.room.value?.spotlight ?? [];
      if (lit.length > 0) this.lastLit = lit;
    });
    let before = /** @type {TeachersRoom | null} */ (null);
    effect(() => {
      const room = this.state.room.value;
      const text = before && room ? teachersNews(before, room, this.state.members.peek().size) : '';
      if (text) this.announcer.say(text);
      before = room;
    });
    setInterval(() => {
      this.now.value = Date.now() / 1000 + this.#skew;
    }, MINUTES);
    void this.#setClock();
    this.#listen();
    this.#speak();
  }

  get id() {
    return this.#id;
  }

  get catalogue() {
    return this.#catalogue;
  }

  get headers() {
    return { 'Shallows-Room-Key': this.#key };
  }

  // ---- what the teacher looks at

  /** @param {Sort} sort */
  sortBy(sort) {
    batch(() => {
      this.sort.value = sort;
      this.#order.value = sorted(this.everybody.peek(), comparing(sort, this.task.peek()));
    });
  }

  /** A filter that is pressed again finds anew; pressed while it is right it shows all. @param {string} name */
  show(name) {
    batch(() => {
      this.#found.value = null;
      this.filter.value = name;
    });
  }

  /** @param {string} name */
  toggleFilter(name) {
    this.show(this.filter.peek() === name ? 'all' : name);
  }

  /** @param {readonly number[]} members */
  open(members) {
    this.opened.value = members.slice(0, MOST_SPOTLIT);
    this.watching.only(this.opened.value);
    this.#watch();
  }

  /** Whether a member's network, opened beside the others. @param {number} member */
  toggleOpened(member) {
    const open = this.opened.peek();
    this.open(
      open.includes(member) ? open.filter((other) => other !== member) : [...open.slice(-(MOST_SPOTLIT - 1)), member],
    );
  }

  #watch() {
    this.say({ type: 'watch', members: this.opened.peek() });
  }

  // ---- what there is to say of a member

  /** @param {number} member */
  setUp(member) {
    const setup = this.state.setups.get(member);
    if (!setup) return null;
    let read = this.#read.get(setup);
    if (!read) {
      const experiment = { ...this.#defaults, ...experimentOf(setup, this.#catalogue) };
      if (setup.given) experiment.parameters = [];
      read = { experiment, activation: experiment.layers[0]?.activation ?? '' };
      this.#read.set(setup, read);
    }
    return read;
  }

  /** Its name; where names are hidden, its number. @param {RoomMember} member */
  nameOf(member) {
    return this.named.value && member.name ? member.name : `number ${member.member}`;
  }

  /** “tanh, 4 units”. @param {number} member */
  briefOf(member) {
    const setUp = this.setUp(member);
    return setUp ? brief(setUp.experiment, this.#catalogue) : '';
  }

  /** What differs, item by item. @param {number} member */
  differencesOf(member) {
    const setUp = this.setUp(member);
    return setUp ? differences(setUp.experiment, this.sent.value ?? this.#defaults, this.#catalogue) : [];
  }

  /** Seconds. @param {RoomMember} member */
  stuck(member) {
    const task = this.task.value;
    if (!member.here || task === null || member.solved.includes(task) || !member.progress_at) return null;
    const since = this.now.value - member.progress_at;
    return since > STUCK ? since : null;
  }

  /** A tile's second line. @param {RoomMember} member */
  lineOf(member) {
    const away = member.here ? null : Math.max(0, this.now.value - (member.away_since ?? this.now.value));
    const items = this.differencesOf(member.member);
    if (!this.setUp(member.member)) return away === null ? 'nothing yet' : line(['nothing yet'], { away, stuck: null });
    const text = line(items, { away, stuck: this.stuck(member) });
    return text === 'as sent' && !this.sent.value ? 'as it begins' : text;
  }

  // ---- what the teacher does

  /** @param {import('../types/rooms').FromATeacher} message */
  say(message) {
    if (this.stream.say(message)) {
      if (message.type !== 'watch') this.problem.value = '';
      return true;
    }
    if (message.type !== 'watch') this.problem.value = 'The connection is gone. Press it again once the page is live.';
    return false;
  }

  /** Sends what the chosen tab has. @returns {boolean} */
  send() {
    const offer = this.offer.peek();
    if (!offer || offer.missing.length > 0) return false;
    return this.say({
      type: 'push',
      page: offer.page,
      plan: offer.plan,
      seeds: this.seeds.peek(),
      playing: this.playing.peek(),
    });
  }

  /** What was sent last, from its beginning, playing on every page; whoever was held is let go. */
  runEverywhere() {
    const room = this.state.room.peek();
    const sent = this.sent.peek();
    if (!room?.experiment || !sent) {
      this.playing.value = true;
      if (this.send()) this.say({ type: 'hold', held: false });
      return;
    }
    const { data, network, training } = runSpec(sent);
    const { page, seeds } = room.experiment;
    this.say({ type: 'push', page, plan: { data, runs: [{ network, training }] }, seeds, playing: true });
    if (room.held) this.say({ type: 'hold', held: false });
  }

  /** @param {number} member */
  toggleLit(member) {
    const room = this.state.room.peek();
    if (!room) return;
    // Keys may be pressed faster than the room answers.
    const lit = performance.now() < this.#chosen.until ? this.#chosen.members : room.spotlight;
    const within = lit.includes(member);
    if (within || lit.length < MOST_SPOTLIT) {
      const members = within ? lit.filter((other) => other !== member) : [...lit, member];
      if (!this.say({ type: 'spotlight', members })) return;
      this.#chosen = { members, until: performance.now() + ANSWERS_WITHIN };
    } else {
      this.problem.value = `The spotlight has room for ${MOST_SPOTLIT}. Take one out first.`;
      this.announcer.say(this.problem.value);
    }
  }

  /** @returns {Promise<string>} why it could not be done; '' is that it was */
  async end() {
    const { wrong } = await call('DELETE', `/rooms/${this.#id}`, { headers: this.headers });
    return wrong?.text ?? '';
  }

  // ---- within

  /** @param {import('../types/rooms').FromARoom} message */
  #receive(message) {
    if (this.state.receive(message)) return;
    switch (message.type) {
      case 'watched':
        this.watching.receive(message.member, message.message);
        return;
      case 'pairing':
        this.pairing.value = { code: message.code, until: Date.now() + 1000 * message.seconds };
        return;
      case 'key':
        this.#key = message.key;
        this.stream.rekey(message.key);
        keepKey(this.#id, message.key);
        this.announcer.say('This page has the only key now.');
        return;
      case 'error':
        this.problem.value = message.detail;
    }
  }

  async #setClock() {
    const began = Date.now();
    const answer = await ask('/healthz', { cache: 'no-store' });
    const then = Date.parse(answer?.headers.get('Date') ?? '');
    // It was said at some time between question and answer.
    if (Number.isFinite(then)) this.#skew = Math.round((then - (began + Date.now()) / 2) / 1000);
    this.now.value = Date.now() / 1000 + this.#skew;
  }

  /** Other tabs say what is set up in them. */
  #listen() {
    this.#channel.addEventListener('message', ({ data }) => {
      /** @type {Offer | undefined} */
      const offer = data.offer;
      const others = this.offers.peek().filter(({ tab }) => tab !== (offer?.tab ?? data.gone));
      if (offer) {
        this.#heard.set(offer.tab, performance.now());
        this.offers.value = [...others, offer].sort((a, b) => b.when - a.when);
      } else if (data.gone) this.offers.value = others;
    });
    const ask = () => {
      this.#channel.postMessage({ ask: true });
      const now = performance.now();
      const there = this.offers.peek().filter(({ tab }) => now - (this.#heard.get(tab) ?? 0) < 3 * ASK_EVERY);
      if (there.length < this.offers.peek().length && !document.hidden) this.offers.value = there;
    };
    setInterval(() => document.hidden || ask(), ASK_EVERY);
    document.addEventListener('visibilitychange', () => document.hidden || ask());
    ask();
  }

  /** Counts are heard now and then, and only if they are others. */
  #speak() {
    let before = '';
    setInterval(() => {
      const room = this.state.room.peek();
      if (!room) return;
      const members = [...this.state.members.peek().values()];
      const hands = members.filter(({ hand }) => hand != null).length;
      const question = this.question.peek();
      const task = this.task.peek();
      const counts =
        question?.open && question.counts === undefined
          ? `${question.answered} of ${question.of} answered`
          : task !== null
            ? `${members.filter(({ solved }) => solved.includes(task)).length} of ${members.length} solved`
            : `${members.length} in`;
      const text = `${counts}${hands > 0 ? `, ${counted(hands, 'hand')} up` : ''}`;
      if (text !== before && before) this.announcer.say(text);
      before = text;
    }, SAID_EVERY);
  }
}
