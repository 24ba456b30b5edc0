/**
 * The second way to the server, where something between them lets no WebSocket pass: a streamed answer down, plain
 * requests up. It is used as a WebSocket is. Fetched only where it is needed.
 *
 * What is said goes up by the clock, whether the requests before have been answered or not.
 *
 * What if the server takes no more (429): the same request is made again when it says so. What if `MOST_UNDER_WAY` have
 * no answer: what is said meanwhile goes with the next one.
 */

/** Requests up are at most so often (milliseconds). */
const BETWEEN = 250;
/** As many as the server keeps that come before their turn. */
const MOST_UNDER_WAY = 8;
/** At least one, so that the server knows that somebody is there. */
const STILL_HERE = 25_000;
/** How often a request that had no answer is made again. */
const MOST_TRIES = 4;
/** Silence after which the answer down is taken for dead: the server says something every 10 s. */
const SILENCE = 25_000;
/** A connection that went without a word, as WebSockets say it. */
const GONE = 1006;

/** @param {string} base64 */
const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;

/**
 * The events of a text/event-stream, from pieces of its text. Pure.
 *
 * @param {(event: string, data: string) => void} tell
 * @returns {(piece: string) => void}
 */
export function eventsIn(tell) {
  let rest = '';
  let name = '';
  /** @type {string[]} */
  let data = [];
  return (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.map((each) => each.replace(/\r$/, ''))) {
      if (line === '') {
        if (data.length > 0) tell(name || 'message', data.join('\n'));
        name = '';
        data = [];
      } else if (line.startsWith('event:')) name = line.slice(6).trim();
      else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
    }
  };
}

export class PlainSocket extends EventTarget {
  /** @type {0 | 1 | 2 | 3} */
  readyState = 0;
  /** @type {BinaryType} */
  binaryType = 'arraybuffer';
  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;

  #up;
  #token = '';
  #number = 0;
  /** @type {string[]} */
  #unsaid = [];
  #underWay = 0;
  /** The next one. @type {ReturnType<typeof setTimeout> | undefined} */
  #due;
  #said = 0;
  #heard = 0;
  #over = new AbortController();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch;

  /** @param {string | URL} url of the WebSocket that it is instead of */
  constructor(url) {
    super();
    const down = new URL(url);
    down.protocol = down.protocol.replace('ws', 'http');
    this.#up = new URL(down);
    this.#up.pathname = down.pathname.replace(/\/(ws|rooms\/[^/]+\/stream)$/, '/ws/up');
    this.#up.search = '';
    void this.#listen(down);
  }

  /** @param {string} text one message */
  send(text) {
    if (this.readyState !== 1) return;
    this.#unsaid.push(text);
    this.#say();
  }

  /** @param {number} [code] */
  close(code = 1000) {
    if (this.readyState < 2) this.#end(code);
  }

  /** @param {URL} down */
  async #listen(down) {
    let code = GONE;
    try {
      const answer = await fetch(down, { method: 'POST', signal: this.#over.signal });
      if (!answer.ok || !answer.body) throw new Error(`${answer.status}`);
      this.#heard = performance.now();
      this.#watch = setInterval(() => this.#look(), 1000);
      const take = eventsIn((event, data) => {
        if (event === 'open') this.#opened(JSON.parse(data).token);
        else if (event === 'close') code = JSON.parse(data).code;
        else this.#tell(new MessageEvent('message', { data: event === 'frame' ? bytesOf(data) : data }));
      });
      const reader = answer.body.getReader();
      const decoder = new TextDecoder();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        this.#heard = performance.now();
        take(decoder.decode(value, { stream: true }));
      }
    } catch {
      // It is said by the code.
    }
    this.#end(code);
  }

  /** @param {string} token */
  #opened(token) {
    this.#token = token;
    this.readyState = 1;
    this.#said = performance.now();
    this.#tell(new Event('open'));
  }

  #look() {
    const now = performance.now();
    if (now - this.#heard > SILENCE) this.#end(GONE);
    else if (this.readyState === 1 && now - this.#said > STILL_HERE) this.#say(true);
  }

  /** Says what there is, when it is time to. @param {boolean} [empty] also if there is nothing */
  #say(empty = false) {
    if (this.#due !== undefined || this.#underWay >= MOST_UNDER_WAY) return;
    const rest = this.#number === 0 ? 0 : this.#said + BETWEEN - performance.now();
    this.#due = setTimeout(async () => {
      this.#due = undefined;
      if (this.readyState !== 1 || (this.#unsaid.length === 0 && !empty)) return;
      this.#said = performance.now();
      this.#underWay++;
      const taken = await this.#request(++this.#number, this.#unsaid.splice(0).join('\n'));
      this.#underWay--;
      if (!taken) this.#end(GONE);
      else if (this.#unsaid.length > 0) this.#say();
    }, rest);
  }

  /** The same request until it is taken. @param {number} number @param {string} body @returns {Promise<boolean>} */
  async #request(number, body) {
    for (let tries = 0; tries < MOST_TRIES && this.readyState === 1; ) {
      const answer = await fetch(this.#up, {
        method: 'POST',
        headers: { 'Shallows-Stream': this.#token, 'Shallows-Number': String(number) },
        body,
        signal: this.#over.signal,
      }).catch(() => null);
      if (answer?.ok) return true;
      if (answer && answer.status !== 429 && answer.status < 500) return false;
      // Too fast is no failure.
      if (answer?.status !== 429) tries++;
      const seconds = Number(answer?.headers.get('Retry-After') ?? NaN);
      await new Promise((resolve) =>
        setTimeout(resolve, Number.isFinite(seconds) ? 1000 * seconds : BETWEEN * 2 ** tries),
      );
    }
    return false;
  }

  /** @param {number} code */
  #end(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    clearInterval(this.#watch);
    clearTimeout(this.#due);
    this.#over.abort();
    this.#tell(new CloseEvent('close', { code }));
  }

  /** @param {Event} event */
  #tell(event) {
    const name = /** @type {'onopen' | 'onmessage' | 'onclose'} */ (`on${event.type}`);
    this[name]?.(event);
    this.dispatchEvent(event);
  }
}
