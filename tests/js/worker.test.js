import assert from 'node:assert/strict';
import test from 'node:test';
import { deflateSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';

/** What has been drawn: `[what, how]`, on no screen. */
const drawn = [];
class Context {
  stroke(path) {
    if (path) drawn.push([path.line, this.strokeStyle]);
  }
  drawImage(_image, ...at) {
    drawn.push(['map', at.slice(-4).join(' ')]);
  }
}
for (const name of ['setTransform', 'clearRect', 'scale', 'save', 'restore', 'beginPath', 'roundRect', 'clip'])
  Context.prototype[name] = () => {};
for (const name of ['arc', 'fill', 'setLineDash', 'putImageData']) Context.prototype[name] = () => {};
globalThis.OffscreenCanvas = class {
  context = new Context();
  getContext() {
    return this.context;
  }
  transferToImageBitmap() {
    return 'a picture';
  }
};
globalThis.ImageData = class {
  constructor(width, height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
  }
};
globalThis.Path2D = class {
  constructor(line) {
    this.line = line;
  }
  addPath() {}
};
let socket;
const sent = [];
globalThis.WebSocket = class {
  static OPEN = 1;
  readyState = 1;
  constructor() {
    socket = this;
  }
  send(text) {
    sent.push(JSON.parse(text));
  }
};
const posted = [];
/** Whether the page reads at once what it is told. */
let reads = true;
const turns = [];
globalThis.self = {
  postMessage: (message) => {
    posted.push(message);
    if (message.type === 'drawn' && reads) setImmediate(() => say({ type: 'more' }));
    if (message.type === 'drawn' && message.atOnce) setImmediate(() => say({ type: 'shown' }));
  },
  requestAnimationFrame: (turn) => {
    turns.push(turn);
    setImmediate(() => turns.shift()?.());
  },
};
await import('../../static/js/painting/worker.js');
const say = (data) => self.onmessage({ data });
const until = async (condition) => {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'it does not come');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const colours = { heat: Array(3).fill([0, 0, 0]), one: 'positive', zero: 'negative', contour: 'line', halo: 'halo' };
const scene = {
  nodes: [
    { layer: 0, unit: 0, x: 10, y: 10, size: 10 },
    { layer: 1, unit: 0, x: 50, y: 30, size: 20 },
  ],
  edges: [{ layer: 1, from: 0, to: 0, path: 'edge', points: [] }],
  sizes: [1, 1],
  width: 60,
  height: 60,
  ratio: 1,
  flat: [],
  frozen: [],
  chosen: null,
  line: false,
  inputs: { size: 2, values: new Uint8Array(4) },
};
const take = (iteration, weight) => {
  const boundary = { width: 2, height: 2, values: new Uint8Array([0, 0, 255, 255]), encoding: 'plain' };
  const run = { boundary, layers: [{ weights: [[weight]], biases: [0] }], costs: new Uint8Array(), train_cost: 1 };
  const bytes = deflateSync(encode({ iteration, frame: iteration, runs: [run] }));
  socket.onmessage({ data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) });
};
const drawnIteration = () => posted.findLast(({ type, picture }) => type === 'drawn' && picture)?.picture.iteration;
const edge = () => drawn.findLast(([line]) => line === 'edge')?.[1];

test('when no more frames come while it plays, edges are of the last one', async () => {
  say({ type: 'canvas', name: 'network', canvas: new OffscreenCanvas() });
  say({ type: 'network', scene });
  say({ type: 'manner', manner: { colours, playing: true } });
  say({ type: 'connect', id: 1, url: 'ws://here/ws' });
  take(1, 1);
  await until(() => drawnIteration() === 1);
  assert.equal(edge(), 'positive');
  take(2, -1);
  await until(() => drawnIteration() === 2);
  // The connection is lost: it still plays, as far as the page knows.
  socket.onclose({ code: 1006 });
  await until(() => edge() === 'negative');
});

test('what begins another run or goes back is told at once, what follows at the turn of the screen', async () => {
  const waits = async () => {
    const from = posted.length;
    await until(() => turns.length === 0);
    return posted.slice(from).map(({ type, given }) => [type, given?.iteration ?? null]);
  };
  await waits();
  /** What is told in the same task. */
  const tells = (iteration) => {
    const from = posted.length;
    take(iteration, 1);
    return posted.slice(from).map(({ type, given, picture }) => [type, picture.iteration, given]);
  };
  assert.deepEqual(tells(3), []);
  assert.deepEqual(await waits(), [['drawn', 3]]);
  // Back, as after a seek or a reset: the screen has it later, and is said to have it only then.
  assert.deepEqual(tells(1), [['drawn', 1, null]]);
  assert.deepEqual(tells(2), []);
  assert.deepEqual(await waits(), [
    ['given', 1],
    ['drawn', 2],
  ]);
  const begin = () => socket.onmessage({ data: JSON.stringify({ type: 'configured', resumed: false }) });
  const told = (from) =>
    posted.slice(from).map(({ type, message, picture }) => message?.type ?? picture?.iteration ?? type);
  // The page hears of a run and of its first picture together.
  let from = posted.length;
  begin();
  assert.deepEqual(told(from), []);
  take(4, 1);
  assert.deepEqual(told(from), ['configured', 4]);
  assert.deepEqual(await waits(), [['given', 4]]);
  // If it does not follow, or something else does, it is told what there is, in its order.
  for (const follows of [
    () => until(() => posted.length > from),
    () => socket.onmessage({ data: JSON.stringify({ type: 'state' }) }),
    () => socket.onclose({ code: 1006 }),
    () => begin(),
  ]) {
    from = posted.length;
    begin();
    assert.deepEqual(told(from), []);
    await follows();
    assert.equal(told(from)[0], 'configured');
  }
  take(4, 1);
  assert.deepEqual(await waits(), [['given', 4]]);
  // With little motion while it plays, a picture waits for its time whatever it is.
  say({ type: 'manner', manner: { calm: true } });
  assert.deepEqual(tells(0), []);
  say({ type: 'manner', manner: { calm: false } });
  await until(() => drawnIteration() === 0);
  take(2, -1);
  await until(() => drawnIteration() === 2);
});

test('while another run is asked for, what comes of the one before is not drawn', async () => {
  const answers = {
    configured: () => socket.onmessage({ data: JSON.stringify({ type: 'configured', resumed: false }) }),
    state: () => socket.onmessage({ data: JSON.stringify({ type: 'state' }) }),
    error: () => socket.onmessage({ data: JSON.stringify({ type: 'error' }) }),
    silence: () => {},
  };
  let iteration = 10;
  for (const [name, answer] of Object.entries(answers)) {
    await until(() => turns.length === 0);
    say({ type: 'expect' });
    drawn.length = 0;
    const from = posted.length;
    take(++iteration, 1);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([drawn, posted.slice(from)], [[], []], name);
    answer();
    // A run that is another one now has no more to show; of one that stays, nothing is lost.
    if (name === 'configured') take(0, 1);
    await until(() => drawnIteration() === (name === 'configured' ? 0 : iteration));
  }
  take(2, -1);
  await until(() => drawnIteration() === 2);
});

test('a picture of its own says of which iteration it is', () => {
  say({ type: 'snapshot', id: 7, scene, colours });
  const { snapshot } = posted.find(({ type }) => type === 'snapshot');
  assert.equal(snapshot.bitmap, 'a picture');
  assert.equal(snapshot.of.iteration, 2);
  assert.deepEqual(snapshot.of.runs[0].layers, [{ weights: [[-1]], biases: [0] }]);
});

test('while other layers wait to be trained the output unit shows what the plane shows', async () => {
  const nodes = [...scene.nodes, { layer: 2, unit: 0, x: 90, y: 30, size: 20 }];
  drawn.length = 0;
  say({ type: 'network', scene: { ...scene, sizes: [1, 1, 1], nodes } });
  await until(() => drawn.length > 0);
  assert.deepEqual(
    drawn.filter(([what]) => what === 'map').map(([, at]) => at),
    ['5 5 10 10', '80 20 20 20'],
  );
  assert.equal(edge(), undefined);
});

test('a frame from before the server heard what pictures shall be in it is not drawn, but taken', async () => {
  await until(() => turns.length === 0);
  say({ type: 'say', text: JSON.stringify({ type: 'view', neurons: true, lines: true }) });
  let from = posted.length;
  take(20, 1);
  await until(() => posted.length > from);
  const [{ type, picture, costs }] = posted.slice(from);
  assert.deepEqual([type, picture, costs.length, sent.at(-1)], ['drawn', null, 1, { type: 'ack', frame: 20 }]);
  say({ type: 'say', text: JSON.stringify({ type: 'view', neurons: false }) });
  from = posted.length;
  take(21, 1);
  await until(() => drawnIteration() === 21);
});

/** Frames that come and are drawn, each at a turn of the screen. */
async function play(first, last) {
  for (let iteration = first; iteration <= last; iteration++) {
    take(iteration, 1);
    await until(() => turns.length === 0);
  }
}
const hear = (message) => socket.onmessage({ data: JSON.stringify(message) });
/** So that all turns of the screen, and answers of the page, have come. */
const rest = () => new Promise((resolve) => setTimeout(resolve, 20));
/** What the page was told: of how many frames it has the costs, and which picture. */
const told = (from) =>
  posted
    .slice(from)
    .filter(({ type }) => type === 'drawn')
    .map(({ costs, picture, given }) => [costs.length, picture?.iteration, given?.pictures]);

test('pictures move on while the page is busy, and it is told of the last as soon as it is free', async () => {
  reads = false;
  let from = posted.length;
  sent.length = 0;
  await play(22, 25);
  assert.deepEqual(told(from), [[1, 22, 1]]);
  assert.deepEqual(
    sent.map(({ frame }) => frame),
    [22, 23, 24, 25],
  );
  say({ type: 'more' });
  assert.deepEqual(told(from), [
    [1, 22, 1],
    [3, 25, 3],
  ]);
  // What the server says, and what stands still, does not wait; nor is a word told before what came before it.
  await play(26, 27);
  hear({ type: 'state' });
  assert.deepEqual(
    posted.slice(-2).map(({ type, picture }) => [type, picture?.iteration]),
    [
      ['drawn', 27],
      ['message', undefined],
    ],
  );
  await play(28, 28);
  say({ type: 'manner', manner: { playing: false } });
  assert.equal(drawnIteration(), 28);
  await play(29, 29);
  assert.equal(drawnIteration(), 29);
  say({ type: 'manner', manner: { playing: true } });
  await play(30, 30);
  from = posted.length;
  socket.onclose({ code: 1006 });
  assert.deepEqual(
    posted.slice(from).map(({ type }) => type),
    ['drawn', 'closed'],
  );
  // A run that is no more: its costs, and no picture that would hold up the first of the new one.
  await play(31, 32);
  from = posted.length;
  hear({ type: 'configured', resumed: false });
  take(1, 1);
  assert.deepEqual(told(from), [
    [2, undefined, 2],
    [1, 1, undefined],
  ]);
  await until(() => turns.length === 0);
});

test('what is drawn at once is acknowledged when the page has shown it, and what follows with it', async () => {
  await rest();
  sent.length = 0;
  hear({ type: 'configured', resumed: false });
  take(1, 1);
  assert.equal(posted.at(-1).atOnce, true);
  assert.deepEqual(sent, []);
  take(2, 1);
  await until(() => sent.length > 0);
  await rest();
  assert.equal(sent.at(-1).frame, 2);
  // Another connection waits for nothing of the last.
  hear({ type: 'configured', resumed: false });
  take(1, 1);
  say({ type: 'connect', id: 1, url: 'ws://here/ws', plain: false, rest: 0 });
  sent.length = 0;
  take(2, 1);
  while (turns.length > 0) turns.shift()();
  assert.deepEqual(sent, [{ type: 'ack', frame: 2 }]);
});

test('of a page that takes nothing so many frames wait, and no others are acknowledged until it does', async () => {
  sent.length = 0;
  await play(2, 60);
  assert.ok(sent.length < 45, `${sent.length} acknowledged`);
  const from = posted.length;
  say({ type: 'more' });
  assert.deepEqual([told(from).length, drawnIteration(), sent.at(-1).frame], [1, 60, 60]);
  reads = true;
  say({ type: 'more' });
});

test('a refusal is told in the numbers of the page, and what it says again comes first', async (t) => {
  say({ type: 'connect', id: 2, url: 'ws://here/ws', plain: false, rest: 0 });
  say({ type: 'say', text: '{"type":"play"}' });
  await play(1, 2);
  say({ type: 'say', text: '{"type":"pause"}' });
  const numbered = (error) => {
    hear({ type: 'error', ...error });
    return posted.at(-1).message.message;
  };
  // The server has heard play, two acknowledgements, and pause.
  assert.deepEqual(
    [1, 2, 3, 4, undefined].map((number) => numbered({ code: 'invalid_field', message: number })),
    [1, undefined, undefined, 2, undefined],
  );
  sent.length = 0;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  numbered({ code: 'too_fast', message: 4, retry_after: 0.2 });
  take(3, 1);
  while (turns.length > 0) turns.shift()();
  assert.deepEqual(sent, []);
  const now = performance.now();
  t.mock.method(performance, 'now', () => now + 301);
  t.mock.timers.tick(300);
  assert.deepEqual(sent, [{ type: 'ack', frame: 3 }]);
  // Another connection does not wait for what was asked of the last.
  numbered({ code: 'too_fast', message: 4, retry_after: 60 });
  take(4, 1);
  while (turns.length > 0) turns.shift()();
  say({ type: 'connect', id: 3, url: 'ws://here/ws', plain: false, rest: 0 });
  take(5, 1);
  while (turns.length > 0) turns.shift()();
  assert.equal(sent.at(-1).frame, 5);
});

test('who wants few frames acknowledges them seldom', (t) => {
  let now = Math.ceil(performance.now());
  t.mock.method(performance, 'now', () => now);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  say({ type: 'connect', id: 4, url: 'ws://here/ws', plain: false, rest: 100 });
  sent.length = 0;
  for (let iteration = 6; iteration < 36; iteration++) {
    take(iteration, 1);
    while (turns.length > 0) turns.shift()();
    now += 20;
    t.mock.timers.tick(20);
  }
  assert.deepEqual([sent.length, sent[0].frame, sent.at(-1).frame], [7, 6, 35]);
});
