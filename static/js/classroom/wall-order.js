/**
 * Which tiles the wall has, in what order, and how large. Pure. Nothing moves by itself: an order holds until the teacher
 * sorts anew, and who comes goes where it says.
 */

/** @typedef {import('../types/rooms').RoomMember} RoomMember */
/** @typedef {import('../types/rooms').Tile} Tile */

/**
 * @typedef {object} Seen what is known of a member
 * @property {RoomMember} member
 * @property {Tile | undefined} tile
 * @property {string} activation of the first hidden layer; '' if there is none, or it is not known
 */
/** @typedef {'name' | 'solved' | 'stuck' | 'cost'} Sort */
/** @typedef {'large' | 'medium' | 'everybody'} Size */

/** @type {readonly Sort[]} */
export const SORTS = ['name', 'solved', 'stuck', 'cost'];

const byName = (/** @type {Seen} */ a, /** @type {Seen} */ b) =>
  (a.member.name ?? '').localeCompare(b.member.name ?? '') || a.member.member - b.member.member;

/** @param {number | null | undefined} value what is not known comes last */
const orLast = (value) => value ?? Infinity;

/** @param {Seen} seen @param {number | null} task */
const hasSolved = ({ member }, task) => (task === null ? member.solved.length > 0 : member.solved.includes(task));

/**
 * @param {Sort} sort
 * @param {number | null} task that is on
 * @returns {(a: Seen, b: Seen) => number}
 */
export function comparing(sort, task) {
  /** @type {Record<Sort, (seen: Seen) => number[]>} smaller is earlier */
  const keys = {
    name: () => [],
    solved: (seen) => [hasSolved(seen, task) ? 0 : 1, -seen.member.solved.length],
    stuck: (seen) => [hasSolved(seen, task) ? 1 : 0, orLast(seen.member.progress_at)],
    cost: (seen) => [orLast(seen.tile?.cost)],
  };
  return (a, b) => {
    const [first, second] = [keys[sort](a), keys[sort](b)];
    const at = first.findIndex((key, index) => key !== second[index]);
    return at < 0 ? byName(a, b) : first[at] < second[at] ? -1 : 1;
  };
}

/**
 * An order that was chosen, with who has come and without who has gone.
 *
 * @param {readonly number[]} order
 * @param {ReadonlyMap<number, Seen>} everybody
 * @param {(a: Seen, b: Seen) => number} compare
 */
export function kept(order, everybody, compare) {
  const now = order.filter((number) => everybody.has(number));
  const there = new Set(now);
  for (const seen of [...everybody.values()].filter(({ member }) => !there.has(member.member)).sort(compare)) {
    const at = now.findIndex((number) => compare(seen, /** @type {Seen} */ (everybody.get(number))) < 0);
    now.splice(at < 0 ? now.length : at, 0, seen.member.member);
  }
  return now;
}

/** @param {ReadonlyMap<number, Seen>} everybody @param {(a: Seen, b: Seen) => number} compare */
export const sorted = (everybody, compare) => [...everybody.values()].sort(compare).map(({ member }) => member.member);

/**
 * Whether an order is the one that sorting would give now.
 *
 * @param {readonly number[]} order
 * @param {ReadonlyMap<number, Seen>} everybody
 * @param {(a: Seen, b: Seen) => number} compare
 */
export const isSorted = (order, everybody, compare) =>
  order.every(
    (number, index) =>
      index === 0 ||
      compare(/** @type {Seen} */ (everybody.get(order[index - 1])), /** @type {Seen} */ (everybody.get(number))) <= 0,
  );

/** @typedef {{name: string, label: string, holds: (seen: Seen, task: number | null) => boolean}} Filter */

/**
 * What the wall can show, by name.
 *
 * @param {import('../types/protocol').Catalogue} catalogue
 * @returns {Filter[]}
 */
export const filtersOf = ({ activations }) => [
  { name: 'all', label: 'all', holds: () => true },
  { name: 'solved', label: 'solved', holds: hasSolved },
  { name: 'not-yet', label: 'not yet', holds: (seen, task) => !hasSolved(seen, task) },
  { name: 'hands', label: 'hands up', holds: ({ member }) => member.hand != null },
  { name: 'away', label: 'away', holds: ({ member }) => !member.here },
  { name: 'answered', label: 'answered', holds: ({ member }) => member.answered === true },
  { name: 'unanswered', label: 'not answered', holds: ({ member }) => member.answered === false },
  ...activations.map(({ name, label }) => ({
    name,
    label,
    holds: (/** @type {Seen} */ { activation }) => activation === name,
  })),
];

/** Of each size: what a tile takes, what lies between two, and what the wall has around them (CSS pixels). */
const TILES = {
  large: { width: 156, height: 144, across: 20, down: 13, around: 22 },
  medium: { width: 128, height: 101, across: 12, down: 7, around: 16 },
};
const GAP = 5;
/** The sides of a picture where everybody is seen. */
const [SMALLEST, LARGEST] = [24, 64];
/** What the wall has around those, and the line below them. */
const EVERYBODY_AROUND = 60;

/** @param {'large' | 'medium'} size @param {number} width @param {number} height */
function places(size, width, height) {
  const { width: w, height: h, across, down, around } = TILES[size];
  const columns = Math.max(1, Math.floor((width + across) / (w + across)));
  return { columns, places: columns * Math.max(0, Math.floor((height - around + down) / (h + down))) };
}

/**
 * How large tiles are: the largest size in which everybody is seen, or the one that the teacher has chosen.
 *
 * @param {number} count
 * @param {number} width of the wall, within its padding
 * @param {number} height
 * @param {Size | null} chosen
 * @returns {{size: Size, columns: number, side: number}} `side` is that of a picture where everybody is seen
 */
export function fitting(count, width, height, chosen) {
  const fits = (/** @type {'large' | 'medium'} */ size) => places(size, width, height).places >= count;
  const size = chosen ?? (fits('large') ? 'large' : fits('medium') ? 'medium' : 'everybody');
  if (size !== 'everybody') return { size, columns: places(size, width, height).columns, side: 0 };
  let side = LARGEST;
  const room = (/** @type {number} */ s) =>
    Math.floor((width + GAP) / (s + GAP)) * Math.floor((height - EVERYBODY_AROUND + GAP) / (s + GAP));
  while (side > SMALLEST && room(side) < count) side--;
  return { size, columns: Math.max(1, Math.floor((width + GAP) / (side + GAP))), side };
}

/**
 * Where a key of the keyboard leads in the wall.
 *
 * @param {string} key
 * @param {number} at which tile
 * @param {number} count
 * @param {number} columns
 * @param {number} rows that are seen at once
 * @returns {number | null} null: it leads nowhere
 */
export function stepTo(key, at, count, columns, rows) {
  /** @type {Record<string, number>} */
  const goals = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns < 0 ? at : at - columns,
    ArrowDown: at + columns >= count ? at : at + columns,
    Home: 0,
    End: count - 1,
    PageUp: at - columns * Math.max(1, rows),
    PageDown: at + columns * Math.max(1, rows),
  };
  return key in goals ? Math.max(0, Math.min(count - 1, goals[key])) : null;
}
