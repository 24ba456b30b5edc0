/** What crosses the wire to a teacher's and a projector's page: docs/protocol.md, as types. */

import type { Condition } from './lessons';
import type { Boundary, RunSpec, ServerMessage } from './protocol';

export interface Sent {
  number: number;
  page: string;
  seeds: 'same' | 'own';
  playing: boolean;
  /** Seconds since 1970, as all times here. */
  at: number;
}

export interface RoomQuestion {
  id: number;
  round: number;
  again: number | null;
  text: string;
  choices: string[];
  answered: number;
  of: number;
  counts?: number[];
  /** The counts of earlier rounds, the first round first. */
  before?: number[][];
  right?: number | null;
  open?: boolean;
  asked_at?: number;
  revealed_at?: number | null;
}

export interface RoomTask {
  id: number;
  title: string;
  until: Condition[];
  page: string | null;
  edited: boolean;
  any_data: boolean;
  set_at: number;
  solved: number;
}

export interface RoomLesson {
  name: string;
  title: string;
  steps: ('predict' | 'run' | 'explain')[];
}

export interface RoomMember {
  member: number;
  /** Of a projector only while names are shown. */
  name?: string;
  here: boolean;
  away_since?: number | null;
  hand?: number | null;
  experiment?: number | null;
  progress_at?: number;
  solved: number[];
  reported?: number[];
  answered?: boolean;
  step?: number;
  steps?: number[];
}

interface Both {
  type: 'room';
  id: string;
  code: string;
  title: string;
  locked: boolean;
  names: boolean;
  held: boolean;
  experiment: Sent | null;
  lesson: RoomLesson | null;
  /** Without them they are as they were. */
  members?: RoomMember[];
}

/** The `room` of a teacher's page. */
export interface TeachersRoom extends Both {
  role: 'teacher';
  held_at: number | null;
  opened_at: number;
  reduction: { hide: string[]; lock: string[] };
  question: number | null;
  questions: RoomQuestion[];
  task: number | null;
  tasks: RoomTask[];
  spotlight: number[];
  claims: { claim: string; member: number; name: string }[];
}

/** The `room` of a projector's page. */
export interface ScreensRoom extends Both {
  role: 'screen';
  in: number;
  question: RoomQuestion | null;
  task: { id: number; number: number; of: number; title: string; solved: number } | null;
  spotlight: { member: number; name?: string }[];
}

export type MemberChange = { type: 'member' } & (RoomMember | { member: number; gone: true });

/** What a network on the wall trains. */
export interface Setup extends Pick<RunSpec, 'data' | 'network' | 'training'> {
  /** Whether it began with parameters that were given to it. */
  given?: boolean;
}

export interface Tile {
  member: number;
  iteration: number;
  cost: number | null;
  train_accuracy: number | null;
  /** Null without points for the test. */
  test_cost: number | null;
  test_accuracy: number | null;
  playing: boolean;
  ended: string | null;
  /** Null: there is no plane. */
  boundary: Boundary | null;
  setup?: Setup;
}

export type FromARoom =
  | TeachersRoom
  | ScreensRoom
  | MemberChange
  | { type: 'watched'; member: number; message: ServerMessage }
  | { type: 'key'; key: string }
  | { type: 'pairing'; code: string; seconds: number }
  | { type: 'over'; reason: string; detail: string }
  | { type: 'error'; code: string; detail: string; field?: string | null; retry_after?: number };

export type FromATeacher =
  | { type: 'open'; key: string; wall?: { resolution: number } }
  | { type: 'push'; page: string; plan: object; seeds: 'same' | 'own'; playing: boolean }
  | { type: 'hold'; held: boolean }
  | { type: 'admit' | 'refuse'; claim: string }
  | { type: 'reduce'; hide: readonly string[]; lock: readonly string[] }
  | { type: 'ask'; text: string; choices: string[]; right?: number }
  | { type: 'reveal' | 'close'; question: number }
  | { type: 'task'; title: string; until: Condition[]; page?: string; plan?: object; any_data?: boolean }
  | { type: 'task'; task: number | null }
  | { type: 'lesson'; name: string | null }
  | { type: 'spotlight' | 'watch'; members: readonly number[] }
  | { type: 'lock'; locked: boolean }
  | { type: 'rename'; member: number; name: string }
  | { type: 'remove'; member: number }
  | { type: 'names'; shown: boolean }
  | { type: 'new_code' | 'new_key' | 'pair' };

/** Whose class the reader is in: every stream of the page says so first. */
export interface Guest<Experiment = object> {
  room: string;
  secret: string;
  /** The member's own session, which may have been trained already; '' where it is not known. */
  session: string;
  /** What the server says; whether it was the room's. */
  hear(message: ServerMessage): boolean;
  /** Another tab has taken the place. */
  replaced(): void;
  /** What a `configure` says besides, if that is what the teacher has sent. */
  mark(experiment: Experiment): { experiment?: number };
}
