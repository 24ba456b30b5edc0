/** What has changed in a room, in words for whoever hears a page of it. Pure. */

import { inGroups } from './calls.js';
import { LETTERS } from './letters.js';
import { outcome } from './student-facts.js';

/** @typedef {import('../types/rooms').TeachersRoom} TeachersRoom */
/** @typedef {import('../types/rooms').RoomQuestion} RoomQuestion */
/** @typedef {import('../types/protocol').StudentsRoom} StudentsRoom */

/** What is hidden and locked, in a few words. @param {import('../experiment/parts.js').Reduction} reduction */
export function reductionInWords({ hide, lock }) {
  const said = [hide.length > 0 ? `${hide.length} hidden` : '', lock.length > 0 ? `${lock.length} locked` : ''].filter(
    Boolean,
  );
  return said.join(', ') || 'nothing';
}

/** “A, tanh: 9. B, ReLU, right: 14.” @param {RoomQuestion} question */
const shown = ({ choices, counts = [], right }) =>
  choices
    .map((choice, index) => `${LETTERS[index]}, ${choice}${index === right ? ', right' : ''}: ${counts[index]}.`)
    .join(' ');

/**
 * Of each thing what it is, and what is said of it when it is another than before; '' is nothing.
 *
 * @template R
 * @typedef {((room: R, many: number) => [is: unknown, said: string])[]} Rows
 */

/** @type {Rows<TeachersRoom>} */
const TEACHERS = [
  ({ held }) => [held, held ? 'Eyes here: every page is paused and locked.' : 'Let go: every page goes on.'],
  ({ experiment }, many) => [
    experiment?.number,
    experiment ? `Experiment ${experiment.number} is sent to ${many}.` : '',
  ],
  ({ questions, question }) => {
    const asked = questions.find(({ id }) => id === question);
    if (!asked) return ['', 'The question is closed.'];
    return [[asked.id, asked.counts], asked.counts ? shown(asked) : `Question asked: ${asked.text}`];
  },
  ({ tasks, task }) => {
    const index = tasks.findIndex(({ id }) => id === task);
    return [task, index < 0 ? 'The task is over.' : `Task ${index + 1}: ${tasks[index].title}.`];
  },
  ({ lesson }) => [lesson?.name, lesson ? `Lesson: ${lesson.title}.` : 'The lesson is over.'],
  ({ spotlight: lit }) => [lit, lit.length > 0 ? `${lit.length} in the spotlight.` : 'The spotlight is off.'],
  ({ reduction }) => [JSON.stringify(reduction), `Hide and lock on every page: ${reductionInWords(reduction)}.`],
  ({ locked }) => [locked, locked ? 'The door is locked.' : 'The door is open.'],
  ({ names }) => [names, names ? 'The projector shows names.' : 'The projector shows no names.'],
  ({ code }) => [code, `The code is ${inGroups(code)} now.`],
];

/** @type {Rows<StudentsRoom>} */
const STUDENTS = [
  // The other is an alert of its own.
  ({ held }) => [held, held ? '' : 'Your teacher has let go.'],
  ({ experiment }) => [experiment?.number, experiment ? `Experiment ${experiment.number}, from your teacher.` : ''],
  ({ reduction }) => [JSON.stringify(reduction), 'Your teacher has changed which parts of the page there are.'],
  ({ task }) => [task?.id, task ? `Task ${task.number}: ${task.title}.` : 'The task is over.'],
  ({ task }) => [task?.solved === true, task?.solved ? `Solved: ${task.title}.` : ''],
  ({ lesson }) => [lesson?.name, lesson ? `Lesson: ${lesson.title}.` : 'The lesson is over.'],
  ({ question: asked }) => {
    if (!asked) return ['', 'The question is closed.'];
    return [[asked.id, asked.counts], asked.counts ? outcome(asked) : `Question: ${asked.text}`];
  },
  ({ hand }) => [hand, hand ? 'Your hand is up.' : 'Your hand is down.'],
];

/** A room in which nothing is on. */
const QUIET = /** @type {StudentsRoom} */ (
  /** @type {unknown} */ ({ held: false, hand: false, reduction: { hide: [], lock: [] } })
);

/**
 * @template R
 * @param {Rows<R>} rows @param {R} before @param {R} now @param {number} [many]
 */
const told = (rows, before, now, many = 0) =>
  rows
    .flatMap((row) => {
      const [[was], [is, said]] = [row(before, many), row(now, many)];
      return String(was ?? '') === String(is ?? '') ? [] : said;
    })
    .filter(Boolean)
    .join(' ');

/** @param {TeachersRoom} before @param {TeachersRoom} now @param {number} many how many are in */
export const teachersNews = (before, now, many) => told(TEACHERS, before, now, many);

/** @param {StudentsRoom | null} before null: the reader has just come in @param {StudentsRoom} now */
export const studentsNews = (before, now) => told(STUDENTS, before ?? QUIET, now);
