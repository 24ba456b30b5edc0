/** What crosses the wire: docs/protocol.md, as types. */

export type Interval = [low: number, high: number];

export interface LayerParameters {
  /** n_in × n_out: a row per unit of the layer before. */
  weights: number[][];
  biases: number[];
}

export interface Layer extends LayerParameters {
  activation: string;
}

export interface Points {
  points: [x1: number, x2: number][];
  labels: number[];
  split: { train: number[]; test: number[] };
}

export interface ConfiguredRun {
  label: string | null;
  layer_sizes: number[];
  layers: Layer[];
  training: { learning_rate: number };
}

export interface Configured {
  type: 'configured';
  session: string;
  resumed: boolean;
  iteration: number;
  playing: boolean;
  iterations_per_frame: number;
  data: Points;
  runs: ConfiguredRun[];
}

export interface State {
  type: 'state';
  playing: boolean;
  iteration: number;
  iterations_per_frame: number;
  runs: { learning_rate: number }[];
}

export interface Diverged {
  type: 'diverged';
  run: number;
  iteration: number;
  reason: string;
}

export interface Ended {
  type: 'ended';
  iteration: number;
}

export interface ServerError {
  type: 'error';
  code: string;
  detail: string;
  field?: string | null;
}

export type ServerMessage = Configured | State | Diverged | Ended | ServerError;

/** ŷ over the plane in bytes, round(255·ŷ); row 0 at y = low. */
export interface Boundary {
  width: number;
  height: number;
  x: Interval;
  y: Interval;
  encoding: 'plain' | 'differences';
  values: Uint8Array;
}

/** The activations of one hidden layer over the plane, a map per unit, each with its own scale. */
export interface UnitMaps {
  units: number;
  width: number;
  height: number;
  low: number[];
  high: number[];
  encoding: 'plain' | 'differences';
  values: Uint8Array;
}

export interface FrameRun {
  first_iteration: number;
  /** float32, little-endian: J of first_iteration and on. */
  costs: Uint8Array;
  train_cost: number;
  test_cost: number | null;
  train_accuracy: number;
  test_accuracy: number | null;
  layers: LayerParameters[];
  boundary?: Boundary;
  neurons?: UnitMaps[];
}

export interface Frame {
  frame: number;
  iteration: number;
  runs: FrameRun[];
}

export type ClientMessage =
  | { type: 'configure'; data: object; runs: object[]; playing: boolean }
  | { type: 'play' | 'pause' | 'reset' }
  | { type: 'step'; iterations: number }
  | { type: 'set'; learning_rate?: number; iterations_per_frame?: number }
  | { type: 'view'; x: Interval; y: Interval; neurons: boolean; neuron_resolution: number; encoding: 'plain' | 'differences' }
  | { type: 'ack'; frame: number };

/** What the server's template puts into the page: the choices there are, from nncore's tables. */
export interface Catalogue {
  activations: { name: string; label: string; slope: number | null; z: number[]; g: number[]; g_prime: number[] }[];
  datasets: { name: string; description: string; task: string }[];
  initializations: { name: string; label: string }[];
  defaults: {
    data: { dataset: string; examples: number; noise: number; seed: number; train_fraction: number };
    network: {
      layers: { units: number; activation: string; slope?: number | null }[];
      initialization: { scheme: string; scale?: number | null; seed: number };
    };
    training: { learning_rate: number };
  };
  limits: Record<
    'examples' | 'noise' | 'train_fraction' | 'seed' | 'hidden_layers' | 'units' | 'learning_rate' | 'iterations_per_frame' | 'iterations',
    Interval
  >;
}
