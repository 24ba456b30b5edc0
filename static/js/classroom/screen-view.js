/** What a projector has to show just now, from what the room says. Pure. */

/** @typedef {import('../types/rooms').ScreensRoom} ScreensRoom */
/** @typedef {import('../types/rooms').TeachersRoom} TeachersRoom */
/** @typedef {import('../types/rooms').RoomMember} RoomMember */

/** @typedef {'join' | 'spot' | 'exam' | 'done' | 'wall'} Scene */

/** With so many in, and nothing else on, the class sees itself. */
export const ENOUGH = 1;

/**
 * A question first, then what is in the spotlight, then the task; else the wall once something was sent, and the code
 * until then.
 *
 * @param {ScreensRoom} room
 * @param {'' | 'join' | 'wall'} chosen what whoever stands at the projector wants instead
 * @returns {Scene}
 */
export function sceneOf(room, chosen) {
  if (chosen) return chosen;
  if (room.question) return 'exam';
  if (room.spotlight.length > 0) return 'spot';
  if (room.task) return 'done';
  return room.experiment && room.in >= ENOUGH ? 'wall' : 'join';
}

/**
 * What a projector's page sees of a room that it has opened with a teacher's key: no more than with its own.
 *
 * @param {TeachersRoom} room
 * @param {number} many how many are in
 * @returns {ScreensRoom}
 */
export function asScreen({ questions, question, tasks, task, spotlight, ...room }, many) {
  const asked = questions.find(({ id }) => id === question) ?? null;
  const on = tasks.find(({ id }) => id === task);
  return {
    ...room,
    role: 'screen',
    names: false,
    in: many,
    question: asked && (asked.counts ? asked : { ...asked, right: undefined }),
    task: on
      ? { id: on.id, number: tasks.indexOf(on) + 1, of: tasks.length, title: on.title, solved: on.solved }
      : null,
    spotlight: spotlight.map((member) => ({ member })),
  };
}

/** @param {ScreensRoom} room @param {Scene} scene */
export function footOf({ question, in: many }, scene) {
  if (scene === 'exam' && question) return `${question.answered} of ${question.of} have answered`;
  return many === 1 ? 'one is in' : `${many} are in`;
}

/**
 * Columns and side of a wall that fills the stage.
 *
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 * @param {number} below what stands below each picture
 */
export function filling(count, width, height, gap, below = 0) {
  let best = { columns: 1, side: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const side = Math.floor(
      Math.min((width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows - below),
    );
    if (side > best.side) best = { columns, side };
  }
  return best;
}
