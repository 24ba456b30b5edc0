import './document.js';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test from 'node:test';

const { ask, latest, problemOf, UNANSWERED } = await import('../../static/js/asking.js');
const { serverPath } = await import('../../static/js/links.js');

/** @type {Record<string, (response: import('node:http').ServerResponse) => void>} */
const ANSWERS = {
  '/never': () => {},
  '/stalls': (response) => response.write('{"a": '),
  '/number': (response) => response.end('7'),
  '/text': (response) => response.end('seven'),
  '/nothing': (response) => response.writeHead(204).end(),
  '/wrong': (response) => response.writeHead(422).end('{"errors": [{"detail": "units must be less"}]}'),
  '/broken': (response) => response.writeHead(502).end('<html>'),
};

/** A server, and a page whose paths are on it; both go with the test. @param {test.TestContext} context */
async function serve(context) {
  /** @type {(() => void)[]} */
  const waiting = [];
  const server = createServer(({ url }, response) => {
    ANSWERS[url ?? ''](response);
    for (const go of waiting.splice(0)) go();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const { fetch } = globalThis;
  globalThis.fetch = (path, manner) =>
    fetch(`http://127.0.0.1:${port}${String(path).slice(serverPath('').length)}`, manner);
  context.after(() => {
    globalThis.fetch = fetch;
    server.closeAllConnections();
    server.close();
  });
  return () => new Promise((resolve) => waiting.push(() => resolve(undefined)));
}

test('an answer is read as what it is, and an error as what it says', async (context) => {
  await serve(context);
  assert.equal((await ask('/number'))?.body, 7);
  assert.equal((await ask('/text', { as: 'text' }))?.body, 'seven');
  assert.equal((await ask('/nothing'))?.body, null);
  assert.equal(problemOf(await ask('/wrong', { as: 'blob' })), 'units must be less');
  assert.equal(problemOf(await ask('/broken')), 'The server answered 502.');
  // What should be JSON and is none, is no answer.
  assert.equal(problemOf(await ask('/text')), UNANSWERED);
});

test('a question has an end, whether nothing comes or no more', async (context) => {
  const heard = await serve(context);
  for (const path of ['/never', '/stalls']) {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const there = heard();
    const answer = ask(path, { patience: 45_000 });
    await there;
    context.mock.timers.tick(45_000);
    assert.equal(await answer, null);
    context.mock.timers.reset();
  }
  const over = new AbortController();
  const there = heard();
  const answer = ask('/never', { signal: over.signal });
  await there;
  over.abort();
  assert.equal(await answer, null);
  assert.equal(await ask('/number', { signal: over.signal }), null);
});

test('of requests of a kind the latest counts', () => {
  const asking = latest();
  const first = asking();
  assert.ok(first());
  const second = asking();
  assert.deepEqual([first(), second()], [false, true]);
  asking();
  assert.equal(second(), false);
  assert.ok(latest()()());
});
