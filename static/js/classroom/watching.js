/** Networks that are looked at as their own students see them, read-only: their frames and costs, as they are told. */

import { unzlibSync } from '../../vendor/fflate/browser.js';
import { decode } from '../../vendor/msgpack/decode.js';
import { signal } from '../../vendor/signals-core/signals-core.js';
import { epochsIn } from '../experiment/experiment.js';
import { restorePictures } from '../painting/pictures.js';
import { floats, History } from '../store/history.js';

/** @typedef {import('../types/protocol').Configured} Configured */
/** @typedef {import('../types/protocol').Frame} Frame */

/** Under prefers-reduced-motion frames are shown at most this often (milliseconds), as on a student's page. */
const CALM_INTERVAL = 500;

/**
 * @typedef {object} Watched
 * @property {Configured | null} configured
 * @property {Frame | null} frame that is shown
 * @property {Frame | null} latest
 * @property {History} history
 */

export class Watching {
  /** By member. @type {Map<number, Watched>} */
  all = new Map();
  /** Grows when there is something to show. */
  news = signal(0);

  #calm;
  #shown = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #waiting;

  /** @param {{readonly matches: boolean}} calm whether the reader wants little motion */
  constructor(calm = matchMedia('(prefers-reduced-motion: reduce)')) {
    this.#calm = calm;
  }

  /** @param {readonly number[]} members those that are watched, and no others */
  only(members) {
    for (const number of this.all.keys()) if (!members.includes(number)) this.all.delete(number);
    this.#show();
  }

  /** @param {number} member @param {import('../types/protocol').ServerMessage} message */
  receive(member, message) {
    if (message.type !== 'configured') return;
    this.all.set(member, {
      configured: message,
      frame: null,
      latest: null,
      history: new History(epochsIn(message)[0]),
    });
    this.#show();
  }

  /** @param {number} member @param {Uint8Array} bytes a frame, as a student's page gets it */
  receiveFrame(member, bytes) {
    const frame = /** @type {Frame} */ (decode(unzlibSync(bytes)));
    restorePictures(frame);
    const now = this.all.get(member) ?? { configured: null, frame: null, latest: null, history: new History() };
    const [run] = frame.runs;
    if (run.first_iteration === 0 && now.history.length > frame.iteration + 1) now.history.clear();
    if (run.costs.byteLength > 0 && run.first_iteration <= now.history.length)
      now.history.write(run.first_iteration, floats(run.costs));
    if (run.test_cost !== null && run.test_cost < Infinity) now.history.writeTest(frame.iteration, run.test_cost);
    this.all.set(member, { ...now, latest: frame });
    const wait = this.#calm.matches ? this.#shown + CALM_INTERVAL - performance.now() : 0;
    if (wait <= 0) this.#show();
    else this.#waiting ??= setTimeout(() => this.#show(), wait);
  }

  #show() {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#shown = performance.now();
    for (const [number, watched] of this.all) this.all.set(number, { ...watched, frame: watched.latest });
    this.news.value = this.news.peek() + 1;
  }
}
