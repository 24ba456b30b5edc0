/** Questions to the server, which change nothing there, and who listens for the answers. */

/** @typedef {import('../types/protocol').Question} Question */
/** @typedef {import('../types/protocol').Answer} Answer */

export class Questions {
  /** Who listens for which answers. @type {Map<string, Set<(message: any) => void>>} */
  #listeners = new Map();

  /** @param {(question: Question) => boolean} send says whether it could */
  constructor(send) {
    /** The answer goes to who listens for it; false is that nothing could be asked. */
    this.ask = send;
  }

  /**
   * @template {Answer['type']} T
   * @param {T} type
   * @param {(answer: Extract<Answer, {type: T}>) => void} listener
   * @returns {() => void} stops listening
   */
  listen(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** @param {Answer} answer */
  answered(answer) {
    for (const listener of this.#listeners.get(answer.type) ?? []) listener(answer);
  }
}
