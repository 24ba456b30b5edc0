/** What a teacher's or a projector's page knows of a room, as it is told. Pure: messages in, signals out. */

import { signal } from '../../vendor/signals-core/signals-core.js';
import { sumUp } from '../painting/pictures.js';

/** @typedef {import('../types/rooms').TeachersRoom} TeachersRoom */
/** @typedef {import('../types/rooms').ScreensRoom} ScreensRoom */
/** @typedef {import('../types/rooms').RoomMember} RoomMember */
/** @typedef {import('../types/rooms').Setup} Setup */
/** @typedef {import('../types/rooms').Tile} Tile */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** @template {TeachersRoom | ScreensRoom} R */
export class RoomState {
  /** All but its members. @type {Signal<R | null>} */
  room = signal(/** @type {R | null} */ (null));
  /** By their numbers. @type {Signal<ReadonlyMap<number, RoomMember>>} */
  members = signal(/** @type {ReadonlyMap<number, RoomMember>} */ (new Map()));
  /** The latest of each member. @type {Map<number, Tile>} */
  tiles = new Map();
  /** What each trains. @type {Map<number, Setup>} */
  setups = new Map();
  /** Grows when tiles have come. */
  painted = signal(0);
  /** Why the room is over; '' is that it is not. */
  over = signal('');

  /**
   * @param {import('../types/rooms').FromARoom} message
   * @returns {boolean} whether it was one of the room's state
   */
  receive(message) {
    switch (message.type) {
      case 'room': {
        const { members, ...room } = message;
        this.room.value = /** @type {R} */ (room);
        if (members) this.#everybody(members);
        return true;
      }
      case 'member':
        this.#change(message);
        return true;
      case 'over':
        this.over.value = message.detail;
        return true;
      default:
        return false;
    }
  }

  /** @param {{tiles: Tile[]}} message */
  receiveTiles({ tiles }) {
    for (const { setup, ...tile } of tiles) {
      const { boundary } = tile;
      if (boundary?.encoding === 'differences') {
        // What was decoded shares its bytes with the whole message.
        tile.boundary = { ...boundary, encoding: 'plain', values: boundary.values.slice() };
        sumUp(tile.boundary.values, boundary.width);
      } else if (boundary) tile.boundary = { ...boundary, values: boundary.values.slice() };
      if (setup) this.setups.set(tile.member, setup);
      // What has diverged has no picture: the last one stays.
      this.tiles.set(tile.member, {
        ...tile,
        boundary: tile.boundary ?? this.tiles.get(tile.member)?.boundary ?? null,
      });
    }
    this.painted.value = this.painted.peek() + 1;
  }

  /** @param {RoomMember[]} members */
  #everybody(members) {
    const now = new Map(members.map((member) => [member.member, member]));
    for (const number of this.tiles.keys()) if (!now.has(number)) this.#forget(number);
    this.members.value = now;
  }

  /** @param {import('../types/rooms').MemberChange} change */
  #change(change) {
    const now = new Map(this.members.peek());
    if ('gone' in change) {
      now.delete(change.member);
      this.#forget(change.member);
    } else {
      const { type: _, ...member } = change;
      now.set(member.member, member);
    }
    this.members.value = now;
  }

  /** @param {number} number */
  #forget(number) {
    this.tiles.delete(number);
    this.setups.delete(number);
  }
}
