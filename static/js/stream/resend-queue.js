/**
 * What the page sends, as fast as the server takes it: what was refused as too fast is said again when the server has
 * said that it may, as far as nothing newer has taken its place meanwhile.
 */

/** @typedef {import('../types/protocol').ClientMessage} ClientMessage */
/**
 * @typedef {{number: number, message: ClientMessage}} Held `number` is that of a message that was refused; of one not
 *   said yet it is Infinity
 */

/** A refusal comes within a round trip: older messages are not asked about any more. */
const REMEMBERED = 1000;
/** What if as many wait: the oldest gives way. */
const MOST_HELD = 64;

/**
 * What a message makes of those before it: of which types it takes the place.
 *
 * @type {Record<ClientMessage['type'], ClientMessage['type'][]>}
 */
const REPLACES = {
  configure: [
    'configure',
    'reset',
    'seek',
    'step',
    'play',
    'pause',
    'edit',
    'set',
    'inspect',
    'describe',
    'recall',
    'sweep',
  ],
  reset: ['reset', 'seek', 'step', 'edit'],
  seek: ['seek', 'step', 'edit', 'play', 'pause'],
  play: ['play', 'pause', 'step'],
  pause: ['play', 'pause'],
  step: ['play', 'pause'],
  set: [],
  edit: [],
  view: ['view'],
  inspect: ['inspect'],
  describe: ['describe'],
  recall: ['recall'],
  sweep: ['sweep'],
  cancel: ['sweep', 'cancel'],
  enter: ['enter'],
  answer: ['answer'],
  hand: ['hand'],
  report: [],
  leave: ['answer', 'hand', 'report'],
};

/** What names the thing that a message changes, rather than how. */
const NAMES = ['type', 'layer', 'unit', 'input'];

/**
 * What there is left to say of a message once a newer one is said.
 *
 * @param {ClientMessage} message
 * @param {ClientMessage} newer
 * @returns {ClientMessage | null}
 */
function left(message, newer) {
  if (REPLACES[newer.type].includes(message.type)) return null;
  if (message.type !== newer.type || !['set', 'edit'].includes(message.type)) return message;
  const [older, later] = /** @type {Record<string, unknown>[]} */ (/** @type {unknown} */ ([message, newer]));
  if (NAMES.some((name) => older[name] !== later[name])) return message;
  const rest = Object.entries(older).filter(([name]) => NAMES.includes(name) || !(name in later));
  return rest.every(([name]) => NAMES.includes(name)) ? null : /** @type {ClientMessage} */ (Object.fromEntries(rest));
}

export class ResendQueue {
  #say;
  #dropped;
  /** The server numbers the messages of a connection from 1, and so does this. */
  #number = 0;
  /** @type {Map<number, ClientMessage>} */
  #said = new Map();
  /** In the order in which they are to be said. @type {Held[]} */
  #held = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(message: ClientMessage) => void} say
   * @param {(message: ClientMessage) => void} dropped gets what will never be answered
   */
  constructor(say, dropped) {
    this.#say = say;
    this.#dropped = dropped;
  }

  /** @param {ClientMessage} message */
  send(message) {
    if (this.#timer !== undefined) {
      this.#hold(Infinity, message);
      return;
    }
    this.#said.set(++this.#number, message);
    this.#said.delete(this.#number - REMEMBERED);
    this.#say(message);
  }

  /** @param {number} number of the message that came too fast @param {number} seconds to wait */
  refused(number, seconds) {
    const message = this.#said.get(number);
    if (!message) return;
    this.#said.delete(number);
    this.#hold(number, message);
    this.#holdWhatItUndoes(number);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#again(), 1000 * seconds);
  }

  /**
   * Later messages may have been taken already, and sending this one now would undo them: send those again too.
   *
   * @param {number} number
   */
  #holdWhatItUndoes(number) {
    const held = this.#held.find((one) => one.number === number);
    if (!held) return;
    for (const [later, other] of [...this.#said]) {
      if (later < number || left(other, held.message)) continue;
      this.#said.delete(later);
      this.#hold(later, other);
    }
  }

  /** Another connection begins. */
  reset() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#number = 0;
    this.#said.clear();
    this.#held = [];
  }

  /** @param {number} number @param {ClientMessage} message */
  #hold(number, message) {
    const place = this.#held.findIndex((other) => other.number > number);
    this.#held.splice(place < 0 ? this.#held.length : place, 0, { number, message });
    const said = [...this.#said].map(([at, newer]) => ({ number: at, message: newer }));
    this.#held = this.#held.flatMap((held, index, all) => {
      const newer = [...said.filter((other) => other.number > held.number), ...all.slice(index + 1)];
      const rest = newer.reduce(
        (/** @type {ClientMessage | null} */ now, other) => now && left(now, other.message),
        held.message,
      );
      if (!rest) this.#dropped(held.message);
      return rest ? [{ ...held, message: rest }] : [];
    });
    if (this.#held.length > MOST_HELD) for (const { message: oldest } of this.#held.splice(0, 1)) this.#dropped(oldest);
  }

  #again() {
    this.#timer = undefined;
    const held = this.#held;
    this.#held = [];
    for (const { message } of held) this.send(message);
  }
}
