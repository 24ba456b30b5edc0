import type { Frame, FrameRun, Parameter, ServerMessage } from './protocol';

export type Rgb = [red: number, green: number, blue: number];

/** A unit as it is drawn. */
export interface Node {
  /** 0 is the input. */
  layer: number;
  unit: number;
  /** Its centre. */
  x: number;
  y: number;
  /** The side of its square. */
  size: number;
}

export interface Edge {
  /** The layer of its end. */
  layer: number;
  /** The units that it joins. */
  from: number;
  to: number;
  path: string;
  /** The four points of the Bézier, x and y in turn. */
  points: number[];
}

/** What the painter's canvases take from the theme, as colours a canvas understands. */
export interface Colours {
  heat: [low: Rgb, middle: Rgb, high: Rgb];
  contour: string;
  halo: string;
  one: string;
  zero: string;
  ground: string;
  /** What stands out on the way forwards, and on the way back. */
  forward: string;
  backward: string;
}

/** Sizes in CSS pixels; `ratio` is how many of the screen's there are to one. */
export interface Size {
  width: number;
  height: number;
  ratio: number;
}

/** A unit; layer counts from the input, 0. */
export interface Unit {
  layer: number;
  unit: number;
}

/** A picture of the plane: ŷ of a run or, while one is looked at, a unit of its network. */
export interface PlaneScene extends Size {
  run: number;
  unit: Unit | null;
  /** Whether the activation of that unit is zero on a whole side of z = 0. */
  flat: boolean;
  discrete: boolean;
  /** Whether ŷ has a line in the middle: where a class ends. */
  line: boolean;
  /**
   * Where each point is, as shares of the width and the height from the upper left corner, to mark those that the
   * network has wrong; NaN is not shown.
   */
  marked: Float32Array | null;
}

export interface NetworkScene extends Size {
  nodes: Node[];
  edges: Edge[];
  /** Of every layer, inputs and output included. */
  sizes: number[];
  /** Its edges stand out. */
  chosen: Unit | null;
  /** Of each hidden layer, whether its activation is zero on a whole side of z = 0. */
  flat: boolean[];
  /** Whether ŷ has a line in the middle: where a class ends. */
  line: boolean;
  /** The inputs' maps one after the other, size × size bytes each. */
  inputs: { size: number; values: Uint8Array };
  /** Parameters that training leaves alone. */
  frozen: Parameter[];
}

/**
 * Some of a network: its units, their biases, or the weights into them; null is all that there are. Layer counts from
 * the input, 0.
 */
export interface Part {
  what: 'units' | 'biases' | 'weights';
  layer: number;
  unit: number | null;
  /** Of weights: where they come from. */
  input: number | null;
}

/** What stands out in the network, and which way one looks at it. */
export interface Emphasis extends Part {
  way: 'forward' | 'backward' | 'update';
}

/** How to paint, whatever it is. */
export interface Manner {
  colours: Colours;
  playing: boolean;
  /** Whether the reader asked for reduced motion. */
  calm: boolean;
}

export type ToPainter =
  /** Of frames that come, each `rest` milliseconds one is acknowledged, at most. */
  | { type: 'connect'; id: number; url: string; plain: boolean; rest: number }
  | { type: 'say'; text: string }
  /** What the painter has told is read: it may tell more. */
  | { type: 'more' }
  /** The screen has the page with what was told `atOnce`. */
  | { type: 'shown' }
  | { type: 'expect' }
  | { type: 'hangUp'; code?: number }
  | { type: 'end' }
  | { type: 'canvas'; name: string; canvas: OffscreenCanvas }
  | { type: 'plane'; name: string; scene: PlaneScene }
  | { type: 'network'; scene: NetworkScene }
  | { type: 'emphasis'; emphasis: Emphasis | null }
  | { type: 'manner'; manner: Partial<Manner> }
  | { type: 'snapshot'; id: number; scene: NetworkScene; colours: Colours };

/** A frame without what only a painter needs. */
export interface FrameCosts {
  iteration: number;
  runs: Pick<FrameRun, 'first_iteration' | 'costs' | 'test_cost'>[];
}

/** So many pictures, the last of that iteration, when the screen was given it (milliseconds since 1970). */
export interface Given {
  pictures: number;
  iteration: number;
  at: number;
}

/** A picture of its own, and the frame that it is of, if any. */
export interface Snapshot {
  bitmap: ImageBitmap;
  of: Pick<Frame, 'iteration' | 'runs'> | null;
}

export type FromPainter =
  | { type: 'opened'; id: number }
  | { type: 'closed'; id: number; code: number }
  | { type: 'message'; message: ServerMessage }
  | { type: 'snapshot'; id: number; snapshot: Snapshot }
  | {
      type: 'drawn';
      costs: FrameCosts[];
      picture: Pick<Frame, 'iteration' | 'runs'> | null;
      /** What the screen was given since the last time; what it has yet to be given, `given` tells by itself. */
      given: Given | null;
      /** Whether it was drawn as it came, without waiting for the screen's turn. */
      atOnce: boolean;
    }
  | { type: 'given'; given: Given };

/** The part of a worker's global scope that TypeScript's DOM library lacks. */
export interface PainterScope {
  onmessage: (event: MessageEvent<ToPainter>) => void;
  postMessage(message: FromPainter, transfer?: Transferable[]): void;
  requestAnimationFrame(callback: () => void): number;
  close(): void;
}
