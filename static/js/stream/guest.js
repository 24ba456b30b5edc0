/** Whose class the reader is in: every stream of the page says so first. Null is nobody's. */

import { signal } from '../../vendor/signals-core/signals-core.js';

/** @typedef {import('../types/protocol').ServerMessage} ServerMessage */
/**
 * @typedef {object} Guest
 * @property {string} room
 * @property {string} secret
 * @property {(message: ServerMessage) => boolean} hear what the server says; whether it was the room's
 * @property {() => void} replaced another tab has taken the place
 * @property {(experiment: import('../experiment/experiment.js').Experiment) => {experiment?: number}} mark what a
 *   `configure` says besides, if that is what the teacher has sent
 */

/** @type {import('../../vendor/signals-core/signals-core.js').Signal<Guest | null>} */
export const guest = signal(/** @type {Guest | null} */ (null));
