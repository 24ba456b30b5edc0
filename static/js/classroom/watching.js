/** Networks that are looked at as their own students see them, read-only: their frames and costs, as they are told. */

import { unzlibSync } from '../../vendor/fflate/browser.js';
import { decode } from '../../vendor/msgpack/decode.js';
import { signal } from '../../vendor/signals-core/signals-core.js';
import { epochsIn } from '../experiment/experiment.js';
import { restorePictures } from '../painting/pictures.js';
import { floats, History } from '../store/history.js';

/** @typedef {import('../types/protocol').Configured} Configured */
/** @typedef {import('../types/protocol').Frame} Frame */

/**
 * @typedef {object} Watched
 * @property {Configured | null} configured
 * @property {Frame | null} frame the latest
 * @property {History} history
 */

export class Watching {
  /** By member. @type {Map<number, Watched>} */
  all = new Map();
  /** Grows when something has come. */
  news = signal(0);

  /** @param {readonly number[]} members those that are watched, and no others */
  only(members) {
    for (const number of this.all.keys()) if (!members.includes(number)) this.all.delete(number);
    this.news.value = this.news.peek() + 1;
  }

  /** @param {number} member @param {import('../types/protocol').ServerMessage} message */
  receive(member, message) {
    if (message.type !== 'configured') return;
    this.all.set(member, { configured: message, frame: null, history: new History(epochsIn(message)[0]) });
    this.news.value = this.news.peek() + 1;
  }

  /** @param {number} member @param {Uint8Array} bytes a frame, as a student's page gets it */
  receiveFrame(member, bytes) {
    const frame = /** @type {Frame} */ (decode(unzlibSync(bytes)));
    restorePictures(frame);
    const now = this.all.get(member) ?? { configured: null, frame: null, history: new History() };
    const [run] = frame.runs;
    if (run.first_iteration === 0 && now.history.length > frame.iteration + 1) now.history.clear();
    if (run.costs.byteLength > 0 && run.first_iteration <= now.history.length)
      now.history.write(run.first_iteration, floats(run.costs));
    if (run.test_cost !== null && run.test_cost < Infinity) now.history.writeTest(frame.iteration, run.test_cost);
    this.all.set(member, { ...now, frame });
    this.news.value = this.news.peek() + 1;
  }
}
