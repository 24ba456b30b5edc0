/** Lessons as `GET /lessons` and `GET /lessons/{name}` tell them: docs/protocol.md, as types. */

import type { RunSpec } from './protocol';

/** Markdown as data. */
export type TextNode =
  | { type: 'paragraph' | 'item' | 'strong' | 'em'; children: TextNode[] }
  | { type: 'list'; ordered: boolean; children: TextNode[] }
  | { type: 'link'; href: string; children: TextNode[] }
  | { type: 'text' | 'code' | 'block'; text: string }
  | { type: 'break' };

/** A quantity and exactly one comparison. */
export interface Condition {
  quantity: string;
  /** As in the lecture: the first hidden one is 1. */
  layer?: number;
  below?: number;
  at_most?: number;
  above?: number;
  at_least?: number;
  equals?: number | string | boolean;
}

export interface Choice {
  text: TextNode[];
  right: boolean;
  because: TextNode[];
}

export interface Step {
  kind: 'predict' | 'run' | 'explain';
  title: string;
  text: TextNode[];
  /** Set up as the step begins; null leaves what there is. */
  run: RunSpec | null;
  /** Names of parts of the page. */
  highlight: string[];
  /** Names of parts of the page that are seen together with the text. */
  shows: string[];
  /** Of `predict`, else empty. */
  choices: Choice[];
  /** Of `run`, else empty. */
  until: Condition[];
  hint: TextNode[];
}

/** All lessons, and the files of a teacher's that are none. */
export interface Listed {
  lessons: Summary[];
  unread: Unread[];
}

export interface Unread {
  file: string;
  /** What is wrong with it. */
  detail: string;
}

/** A row of the list of lessons. */
export interface Summary {
  name: string;
  title: string;
  part: string;
  minutes: number;
  /** How many there are. */
  steps: number;
  /** What its picture is made of: a dataset, or some of its own points, and the network. */
  start: RunSpec;
}

export interface Lesson extends Omit<Summary, 'steps' | 'start'> {
  about: TextNode[];
  run: RunSpec;
  lock: string[];
  hide: string[];
  highlight: string[];
  steps: Step[];
}
