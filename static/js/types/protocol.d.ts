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

export type Problem = 'classification' | 'regression';

export interface Points {
  points: readonly (readonly [x1: number, x2: number])[];
  /** 0 or 1; any number for regression. */
  labels: number[];
  split: { train: number[]; test: number[] };
  features?: string[] | null;
  task?: Problem;
}

/** A run as REST, the stream and the presets word it. What is left out is by default. */
export interface RunSpec {
  data?: Partial<NamedData> & Partial<OwnData>;
  network?: Partial<NetworkSpec>;
  training?: Partial<TrainingSpec>;
  iterations_per_frame?: number | 'max';
}

export interface NamedData {
  dataset: string;
  examples: number;
  noise: number;
  label_flips: number;
  seed: number;
  train_fraction: number;
  features: readonly string[];
}

export interface OwnData {
  points: readonly (readonly [x1: number, x2: number])[];
  labels: readonly number[];
  task: Problem;
  origin?: Origin | null;
}

/** A number of own points where it came from: x = (value − center) · scale. */
export interface Axis {
  /** With its unit. */
  name: string;
  center: number;
  scale: number;
}

/** What own points mean. */
export interface Origin {
  axes: readonly Axis[];
  label?: string | null;
  /** What the labels 0 and 1 stand for. */
  classes?: readonly string[] | null;
}

export interface NetworkSpec {
  layers: { units?: number; activation?: string; slope?: number | null }[];
  initialization: { scheme?: string; scale?: number; seed?: number };
  parameters?: readonly LayerParameters[] | null;
}

export interface Stop {
  cost?: number | null;
  accuracy?: number | null;
  patience?: number | null;
}

/** What can be changed while it trains. */
export interface LiveTraining {
  learning_rate: number;
  l1: number;
  l2: number;
  stop?: Stop;
}

export interface TrainingSpec extends LiveTraining {
  optimizer: string;
  batch_size: number | null;
  seed: number;
  iterations: number;
}

/**
 * A weight or a bias: layer as in the lecture (1 … L), unit and input count from 0; without an input it is the bias.
 */
export interface Parameter {
  layer: number;
  unit: number;
  input: number | null;
}

/** What `state` says of a run. */
export interface RunState extends LiveTraining {
  /** In the order of layer, unit, input, the bias last. */
  frozen?: Parameter[];
}

export interface ConfiguredRun {
  label: string | null;
  layer_sizes: number[];
  layers: Layer[];
  /** As planned. */
  training: LiveTraining & { batch_size?: number | null };
  /** As it is now. */
  state?: RunState;
}

export interface Configured {
  type: 'configured';
  /** In a room, of a session that goes on: what it trains. */
  setup?: RunSpec;
  session: string;
  resumed: boolean;
  /** Whether the server ended without notice, and this is what it had kept last. */
  from_checkpoint: boolean;
  iteration: number;
  playing: boolean;
  iterations_per_frame: number | 'max';
  data: Points;
  runs: ConfiguredRun[];
}

export interface State {
  type: 'state';
  playing: boolean;
  iteration: number;
  iterations_per_frame: number | 'max';
  runs: RunState[];
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
  reason?: 'iterations' | 'cost' | 'accuracy' | 'no_progress' | 'diverged';
  /** A sentence. */
  detail?: string;
}

export interface ServerError {
  type: 'error';
  code: string;
  detail: string;
  field?: string | null;
  /** Seconds after which trying again may help. */
  retry_after?: number;
  /** Which of the connection's messages came too fast, counted from 1. */
  message?: number;
}

/** One number for each weight and bias of a layer, or what is said of each. */
export interface LayerNumbers<T> {
  weights: T[][];
  biases: T[];
}

/** One layer of an inspection: a row per example in z, a, g_prime and dz; the shapes are the lecture's. */
export interface InspectedLayer extends LayerParameters {
  layer: number;
  activation: string;
  slope?: number;
  shapes: Record<'W' | 'b' | 'Z' | 'A' | 'dZ' | 'dW' | 'db', [rows: number, columns: number]>;
  z: number[][];
  a: number[][];
  g_prime: number[][];
  dz: number[][] | null;
  gradient: LayerParameters | null;
  /** By central differences; an entry is null at a kink. */
  numeric: LayerNumbers<number | null> | null;
  agree: LayerNumbers<boolean | null> | null;
  /** What they add to dW; null if the rate is 0. */
  l1: number[][] | null;
  l2: number[][] | null;
  /** What the next step adds; null once the run has diverged. */
  update: LayerParameters | null;
}

/** Everything of one iteration, all of the same parameters. */
export interface Inspection {
  type: 'inspection';
  run: number;
  iteration: number;
  of: 'batch' | 'example' | 'point';
  example: number | null;
  point: [x1: number, x2: number] | null;
  m: number;
  shown: number;
  /** Indices into the points; null for a point of the reader's. */
  examples: number[] | null;
  inputs: number[][];
  labels: number[] | null;
  predictions: number[];
  losses: number[] | null;
  cost: number | null;
  penalty: number | null;
  layers: InspectedLayer[];
  training: { learning_rate: number; optimizer: string; l1: number; l2: number };
  check: {
    agree: boolean;
    compared: number;
    kinks: number;
    worst: (Parameter & { relative: number }) | null;
    detail: string | null;
  } | null;
}

export interface Sweeping {
  type: 'sweeping';
  run: number;
  iteration: number;
  iterations: number;
}

export interface Swept {
  type: 'swept';
  run: number;
  iterations: number;
  sampled: number[];
  seeds: {
    seed: number;
    /** At the sampled iterations; null from where it diverged. */
    costs: (number | null)[];
    cost: number | null;
    train_accuracy: number | null;
    test_accuracy: number | null;
    solved: boolean;
    diverged: number | null;
  }[];
  /** Of the costs, a curve for each level; null where no seed is finite. */
  quantiles: { levels: number[]; costs: (number | null)[][] };
  solved: { accuracy: number | null; cost: number | null; count: number; share: number };
  /** The mean of the outputs; `values` are base64. */
  boundary: (Omit<Boundary, 'values' | 'encoding'> & { values: string }) | null;
}

/** An example that the network has wrong; of a regression, one that is far from its target. */
export interface WrongExample {
  example: number;
  split: 'train' | 'test';
  point: number[];
  label: number;
  /** Null if it is no finite number. */
  prediction: number | null;
}

/** What a run shows over the plane, in words and in a small table. */
export interface Described {
  type: 'described';
  run: number;
  iteration: number;
  cost: number | null;
  text: string;
  /** Null for a regression, and where the points are of no plane. */
  boundary: {
    kind: 'none' | 'line' | 'closed' | 'pieces';
    label: 0 | 1 | null;
    /** Of class 0 and of class 1. */
    pieces: [zero: number, one: number];
    ends: [from: string, to: string] | null;
  } | null;
  /** How many of how many; null for a regression. */
  right: { train: [right: number, all: number]; test: [right: number, all: number] | null } | null;
  /** The output, row 0 at y = low; null where the points are of no plane. */
  lattice: { x: number[]; y: number[]; values: (number | null)[][] } | null;
  /** How many are wrong; null for a regression. */
  wrong: number | null;
  /** The first of them, the most wrong first. */
  examples: WrongExample[];
}

/** A question asked for more numbers than there can be. */
export interface TooMuch {
  type: 'too_much';
  detail: string;
}

/** How large the gradients were on the way. */
export interface Recalled {
  type: 'recalled';
  run: number;
  iterations: number[];
  /** A row for each iteration, with a number for each layer. */
  gradient_norms: (number | null)[][];
}

/** What questions are answered with. */
export type Answer = Inspection | Described | Recalled | Sweeping | Swept | TooMuch;

/** What changes nothing of the session. */
export type Question =
  | { type: 'describe'; run?: number }
  | { type: 'recall'; run?: number }
  | { type: 'inspect'; run?: number; example?: number; point?: [x1: number, x2: number]; label?: number }
  | {
      type: 'sweep';
      run?: number;
      seeds?: number;
      first_seed?: number;
      iterations?: number;
      accuracy?: number;
      cost?: number;
    }
  | { type: 'cancel' };

/** What is said of a session. */
export type RunMessage = Configured | State | Diverged | Ended | ServerError | Exclude<Answer, TooMuch>;

export type ServerMessage = RunMessage | StudentsRoom | Over;

/** Of one layer, over all training points. */
export interface Diagnostics {
  /** How many z lie in each of equal bins from low to high. */
  histogram: number[];
  low: number;
  high: number;
  /** Shares of all z. */
  saturated: number;
  nonpositive: number;
  /** Units, from 0, whose slope is 0 on every point. */
  dead: number[];
  /** Of A; null if it is beyond the largest number, as is the norm. */
  mean: number | null;
  gradient_norm: number | null;
  update_ratio: number | null;
}

/** ŷ over the plane in bytes, of which 0 is `low` and 255 is `high`; row 0 at y = low. */
export interface Boundary {
  width: number;
  height: number;
  x: Interval;
  y: Interval;
  low: number;
  high: number;
  encoding: 'plain' | 'differences';
  values: Uint8Array;
  /** Its part of a frame's `lines`. */
  shares?: Uint8Array;
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
  /** Its part of a frame's `lines`. */
  shares?: Uint8Array;
}

export type Confusion = [[tn: number, fp: number], [fn: number, tp: number]];

export interface FrameRun {
  first_iteration: number;
  /** float32, little-endian: J of first_iteration and on. */
  costs: Uint8Array;
  train_cost: number;
  test_cost: number | null;
  /** Null for a regression, as are the confusions. */
  train_accuracy: number | null;
  test_accuracy: number | null;
  /** [[tn, fp], [fn, tp]] */
  train_confusion?: Confusion | null;
  test_confusion?: Confusion | null;
  /** If asked for: a bit for each point, the highest of a byte first; null for a regression. */
  misclassified?: Uint8Array | null;
  /** Per layer, if asked for. */
  diagnostics?: Diagnostics[];
  /** While it stands still at a start that was dead. */
  standstill?: Standstill;
  layers: LayerParameters[];
  /** If asked for: where lines cross the edges of the pictures. */
  lines?: Lines;
  boundary?: Boundary;
  neurons?: UnitMaps[];
}

/** Why nothing moves, and what would help. */
export interface Standstill {
  cause: 'zeros' | 'dead' | 'saturated' | 'small' | 'rate';
  /** The first for which that holds; of `small`, how many there are. */
  layer: number;
  /** The largest of any layer. */
  gradient_norm: number;
  /** The root of the mean square of all weights. */
  weight: number;
  scheme: string | null;
  learning_rate: number | null;
}

export interface Lines {
  /** Of a classification. */
  boundary?: Uint8Array;
  /** That of `line_of`, on a grid as fine as the plane's: 1 above it, 0 below. */
  unit?: Unit & Pick<Boundary, 'width' | 'height' | 'encoding' | 'values'> & { shares: Uint8Array };
  /** Of each hidden layer, if its maps are there. */
  neurons?: Uint8Array[];
}

/** A hidden unit: layer as in the lecture, unit from 0. */
export interface Unit {
  layer: number;
  unit: number;
}

export interface Frame {
  frame: number;
  iteration: number;
  runs: FrameRun[];
}

export type ClientMessage =
  | Question
  | FromAMember
  | { type: 'configure'; data: object; runs: object[]; playing: boolean; experiment?: number }
  | { type: 'play' | 'pause' | 'reset' }
  | { type: 'step'; iterations: number }
  | { type: 'seek'; iteration: number }
  | ({ type: 'set'; iterations_per_frame?: number | 'max' } & Partial<LiveTraining>)
  | {
      type: 'view';
      x: Interval;
      y: Interval;
      neurons: boolean;
      neuron_resolution?: number;
      resolution?: number;
      encoding: 'plain' | 'differences';
      lines?: boolean;
      line_of?: Unit;
      misclassified?: boolean;
      diagnostics?: boolean;
    }
  | ({ type: 'edit'; value?: number; frozen?: boolean } & Parameter);

/** What a member may say to a room. */
export type FromAMember =
  | { type: 'enter'; room: string; secret: string; lab?: boolean }
  | { type: 'answer'; question: number; choice: number }
  | { type: 'hand'; up: boolean }
  | { type: 'report'; task: number; done: boolean }
  | { type: 'report'; lesson: string; step: number; done: boolean; choice?: number }
  | { type: 'leave' };

/** What a teacher has sent, as a student's page hears of it. */
export interface SentExperiment {
  number: number;
  page: string;
  /** Of the weights; null is as it was sent. */
  seed: number | null;
  playing: boolean;
}

export interface StudentsTask {
  id: number;
  number: number;
  title: string;
  until: import('./lessons').Condition[];
  page: string | null;
  edited: boolean;
  solved: boolean;
  /** Solved as the page says. */
  reported: boolean;
}

export interface StudentsQuestion {
  id: number;
  text: string;
  choices: string[];
  answered: boolean;
  choice: number | null;
  /** Once they are shown. */
  counts?: number[];
  right?: number | null;
}

/** The `room` of a student's page. */
export interface StudentsRoom {
  type: 'room';
  room: string;
  title: string;
  member: number;
  name: string;
  hand: boolean;
  held: boolean;
  reduction: { hide: string[]; lock: string[] };
  experiment: SentExperiment | null;
  task: StudentsTask | null;
  question: StudentsQuestion | null;
  lesson: { name: string; title: string; done: number[] } | null;
}

/** A room has ended. */
export interface Over {
  type: 'over';
  reason: string;
  detail: string;
}

/** What `GET /activations/{name}` tells. */
export interface Curve {
  name: string;
  slope: number | null;
  z: number[];
  g: number[];
  g_prime: number[];
}

/** What the server's template puts into the page: the choices there are, from nncore's tables. */
export interface Catalogue {
  activations: { name: string; label: string; slope: number | null; z: number[]; g: number[]; g_prime: number[] }[];
  datasets: Dataset[];
  regression_datasets: Dataset[];
  /** `map` is base64 of size × size bytes over the plane that is seen, row 0 at its lower border. */
  features: { name: string; map: string; size: number }[];
  initializations: { name: string; label: string }[];
  optimizers: { name: string; label: string }[];
  presets: Preset[];
  defaults: {
    data: NamedData;
    network: {
      layers: { units: number; activation: string; slope?: number | null }[];
      initialization: Required<NetworkSpec['initialization']>;
    };
    training: TrainingSpec;
  };
  limits: Record<
    | 'examples'
    | 'noise'
    | 'label_flips'
    | 'train_fraction'
    | 'seed'
    | 'points'
    | 'hidden_layers'
    | 'units'
    | 'scale'
    | 'learning_rate'
    | 'batch_size'
    | 'l1'
    | 'l2'
    | 'stop_cost'
    | 'stop_accuracy'
    | 'stop_patience'
    | 'iterations'
    | 'iterations_per_frame',
    Interval
  >;
}

/** An experiment worth seeing. */
export interface Preset extends RunSpec {
  name: string;
  title: string;
  /** A sentence. */
  look_for: string;
  /** Whether it learns what it shall. */
  works: boolean;
}

export interface Dataset {
  name: string;
  description: string;
  task: Problem;
  sample: { points: [number, number][]; labels: number[] };
}

/** What a table has, as `POST /datasets/table` finds it. */
export interface Table extends Understood {
  columns: { name: string; numeric: number }[];
  rows: number;
  suggested: { x1: number | null; x2: number | null; label: number | null };
  bad: BadRow[];
  bad_rows: number;
  sample: string[][];
  decimals: ('.' | ',' | null)[];
  classes: ({ value: string; rows: number }[] | null)[];
  encoding: string;
}

/** How a table was read. */
export interface Understood {
  header: boolean;
  delimiter: string;
  passed_over: BadRow[];
  passed_over_lines: number;
  ambiguous: { column: number; text: string; taken: number; other: number }[];
}

export interface BadRow {
  line: number;
  reason: string;
}

/** What comes of the chosen columns. */
export interface TablePoints extends Understood {
  points: [x1: number, x2: number][];
  labels: number[];
  task: Problem;
  classes: [zero: string, one: string] | null;
  names: [x1: string, x2: string, label: string];
  missing_rows: number;
  other_rows: number;
  rows: number;
  bad: BadRow[];
  bad_rows: number;
  fit: { center: [number, number]; scale: [number, number] };
  scaled: [x1: number, x2: number][] | null;
}
