/**
 * How long a film is, in its file's head. What some browsers record is written as it comes and says nothing: players show
 * no duration then, and can't be dragged. Chromium's files say when their last picture was taken, which on a slow machine
 * is before the film's end.
 *
 * The head is of EBML: elements of an id, a size and what is in them. A stream's Segment is of unknown size.
 */

/** Where the head surely ends (bytes). */
const HEAD = 4096;
const ID = {
  ebml: 0x1a45dfa3,
  segment: 0x18538067,
  index: 0x114d9b74,
  info: 0x1549a966,
  scale: 0x2ad7b1,
  duration: 0x4489,
};
/** Nanoseconds of a unit of time, where the file says nothing else. */
const SCALE = 1_000_000;

/**
 * How many bytes a number has, by the zeros it begins with; 0 is that it is none.
 *
 * @param {number | undefined} first its first byte
 */
const lengthOf = (first) => (first ? Math.clz32(first) - 23 : 0);

/**
 * @param {Uint8Array} bytes
 * @param {number} from
 * @param {number} to
 */
const numberIn = (bytes, from, to) => bytes.subarray(from, to).reduce((sum, byte) => sum * 256 + byte, 0);

/**
 * The element at a place.
 *
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function elementAt(bytes, at) {
  const sizeAt = at + lengthOf(bytes[at]);
  const length = lengthOf(bytes[sizeAt]);
  const body = sizeAt + length;
  const marked = numberIn(bytes, sizeAt, body);
  const marker = 2 ** (7 * length);
  const size = marked - marker;
  // All bits set is that nobody knows.
  const unknown = size === marker - 1;
  if (sizeAt === at || length === 0 || body > bytes.length) throw new RangeError('no element of EBML');
  return { id: numberIn(bytes, at, sizeAt), sizeAt, body, size, unknown, end: body + size };
}

/** A size in eight bytes. @param {number} size */
function sized(size) {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0100_0000 + Math.floor(size / 2 ** 32));
  view.setUint32(4, size % 2 ** 32);
  return bytes;
}

/** @param {number} seconds @param {number} scale nanoseconds of the file's unit */
function durationElement(seconds, scale) {
  const bytes = new Uint8Array(11);
  bytes.set([0x44, 0x89, 0x88]);
  new DataView(bytes.buffer).setFloat64(3, (seconds * 1e9) / scale);
  return bytes;
}

/**
 * The head of a whole file, in which nothing may move, with its duration if it says a shorter one.
 *
 * @param {Uint8Array} head
 * @param {ReturnType<typeof elementAt> | null} known where it says one
 * @param {number} least
 */
function prolonged(head, known, least) {
  const size = known?.size ?? 0;
  if (!known || known.end > head.length || ![4, 8].includes(size)) return head;
  const copy = head.slice();
  const view = new DataView(copy.buffer);
  const said = size === 4 ? view.getFloat32(known.body) : view.getFloat64(known.body);
  // What is no number is no duration either.
  if (said >= least) return head;
  if (size === 4) view.setFloat32(known.body, least);
  else view.setFloat64(known.body, least);
  return copy;
}

/**
 * The head of a file with its duration.
 *
 * @param {Uint8Array} head
 * @param {number} seconds
 * @returns {Uint8Array[]} in pieces
 * @throws {RangeError} if it is the head of no such file
 */
export function withDurationIn(head, seconds) {
  const ebml = elementAt(head, 0);
  const segment = elementAt(head, ebml.end);
  if (ebml.id !== ID.ebml || segment.id !== ID.segment) throw new RangeError('no file of WebM');
  /** @type {Uint8Array[]} */
  const before = [];
  let at = segment.body;
  let info = elementAt(head, at);
  while (info.id !== ID.info) {
    // The places that an index names are no longer right, unless nothing moves.
    if (!segment.unknown || info.id !== ID.index) before.push(head.subarray(at, info.end));
    at = info.end;
    info = elementAt(head, at);
  }
  let scale = SCALE;
  /** @type {ReturnType<typeof elementAt> | null} */
  let known = null;
  /** @type {Uint8Array[]} */
  const inside = [];
  for (let place = info.body; place < info.end; ) {
    const child = elementAt(head, place);
    if (child.id === ID.scale) scale = numberIn(head, child.body, child.end);
    if (child.id === ID.duration) known = child;
    else inside.push(head.subarray(place, child.end));
    place = child.end;
  }
  if (!segment.unknown) return [prolonged(head, known, (seconds * 1e9) / scale)];
  inside.push(durationElement(seconds, scale));
  const size = inside.reduce((sum, { length }) => sum + length, 0);
  return [
    head.subarray(0, segment.body),
    ...before,
    head.subarray(at, info.sizeAt),
    sized(size),
    ...inside,
    head.subarray(info.end),
  ];
}

/** A recording that says how long it is; as it was, if its head is not as expected. @param {Blob} blob @param {number} seconds */
export async function withDuration(blob, seconds) {
  const head = new Uint8Array(await blob.slice(0, HEAD).arrayBuffer());
  try {
    const pieces = /** @type {Uint8Array<ArrayBuffer>[]} */ (withDurationIn(head, seconds));
    return new Blob([...pieces, blob.slice(HEAD)], { type: blob.type });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return blob;
  }
}
