/** What the server has been asked to set up, or to begin again, and has not confirmed yet. */

/** @typedef {import('../types/protocol').ClientMessage} ClientMessage */
/** @typedef {import('../types/painting').FrameCosts} FrameCosts */

/** @template T what a message sets up */
export class Unconfirmed {
  /** Whether the run there is was asked to begin again. */
  reset = false;
  /** Oldest first: the server confirms, or refuses, in that order. @type {T[]} */
  #setups = [];
  /** @type {WeakMap<ClientMessage, T>} */
  #asked = new WeakMap();

  /** @returns {readonly T[]} oldest first */
  get setups() {
    return this.#setups;
  }

  /** Whether the server owes an answer. */
  get any() {
    return this.#setups.length > 0 || this.reset;
  }

  /** @param {ClientMessage} message about to be sent @param {T} setup */
  ask(message, setup) {
    this.#setups.push(setup);
    this.#asked.set(message, setup);
  }

  /** Something newer was said before the server took this. @param {ClientMessage} message */
  dropped(message) {
    const place = this.#setups.indexOf(/** @type {T} */ (this.#asked.get(message)));
    if (place >= 0) this.#setups.splice(place, 1);
  }

  /** The server has taken, or refused, what was asked first. @returns {T | undefined} */
  answered() {
    return this.#setups.shift();
  }

  /** The connection is gone, and with it what was set up; whether a reset arrived, the costs will tell. */
  lost() {
    this.#setups = [];
  }

  /**
   * Costs have come.
   *
   * @param {FrameCosts} frame
   * @returns {boolean} whether they are the first since the reset that was asked for
   */
  beganAgain({ iteration, runs: [run] }) {
    const began = this.reset && run.first_iteration === 0 && iteration === run.costs.byteLength / 4;
    if (began) this.reset = false;
    return began;
  }
}
