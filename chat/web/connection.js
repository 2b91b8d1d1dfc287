/**
 * The socket: the session's opening, commands with their replies, and coming back by itself.
 *
 * Knows nothing of rooms. Events go to `onEvent`, changes of the line to `onLine`; a command's promise settles
 * with its reply, fails with `Refused` (the server said no) or `Lost` (not known whether it arrived).
 */

/** The server's answer was an error; `reply` is the whole frame. */
export class Refused extends Error {
  constructor(reply) {
    super(reply.code);
    this.name = "Refused";
    this.code = reply.code;
    this.reply = reply;
  }
}

/** The line went before an answer came. */
export class Lost extends Error {
  constructor() {
    super("lost");
    this.name = "Lost";
  }
}

const STAY_AWAY = new Set([1000, 1002, 1003, 1007, 1008, 1009]);
const FIRST_WAIT = [0.5, 3];
const LONGEST_WAIT = 30;
const QUIET = 25_000;
const ANSWER_TIME = 12_000;

/** Whether a close code asks the client to come back by itself. */
export function mayReturn(code) {
  return !STAY_AWAY.has(code) && code < 4500;
}

/**
 * Seconds to wait before attempt number `tries` (from 0): spread over the server's range, so that not everyone
 * comes at once, wider after each failure, never over half a minute unless the server asks for more.
 */
export function backoff(tries, [min, max], random = Math.random) {
  const spread = min + random() * (max - min);
  return Math.min(Math.max(LONGEST_WAIT, max), spread * 2 ** Math.min(tries, 5));
}

/** A unique key for a command that stores, so that sending it again stores nothing twice. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Where the server's socket is for this page. */
export function socketUrl(place = location) {
  return `${place.protocol === "https:" ? "wss:" : "ws:"}//${place.host}/ws`;
}

/**
 * One session over as many sockets as it takes.
 *
 * `hello()` returns the opening's fields each time. `onLine(line)`: `{state: "connecting" | "open" | "waiting" |
 * "ended", ...}` with `at` (when the next try is) while waiting, and `code` or `refused` once ended.
 */
export class Connection {
  #hello;
  #url;
  #onEvent;
  #onLine;
  #onWelcome;
  #socket = null;
  #nextId = 0;
  #waiting = new Map();
  #tries = 0;
  #range = FIRST_WAIT;
  #asked = null;
  #timer = null;
  #pulse = null;
  #heard = 0;
  #ended = false;

  constructor({ hello, url = socketUrl(), onEvent, onLine, onWelcome }) {
    this.#hello = hello;
    this.#url = url;
    this.#onEvent = onEvent;
    this.#onLine = onLine;
    this.#onWelcome = onWelcome;
    this.line = { state: "connecting" };
    this.wake = this.wake.bind(this);
    this.cut = this.cut.bind(this);
    addEventListener("online", this.wake);
    addEventListener("offline", this.cut);
    document.addEventListener("visibilitychange", this.wake);
  }

  /** Open the socket and the session. */
  start() {
    clearTimeout(this.#timer);
    if (this.#ended || this.#socket) return;
    this.#tell({ state: "connecting", tries: this.#tries });
    const socket = new WebSocket(this.#url, ["hearth.v1.json"]);
    this.#socket = socket;
    socket.onopen = () => this.#open(socket);
    socket.onmessage = (frame) => this.#hear(socket, frame.data);
    socket.onclose = (close) => this.#gone(socket, close.code);
  }

  /** End the session for good, saying nothing further. */
  stop() {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    removeEventListener("online", this.wake);
    removeEventListener("offline", this.cut);
    document.removeEventListener("visibilitychange", this.wake);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#failAll();
  }

  /** The person is back at the page, or the device on the net: try now rather than later. */
  wake() {
    if (document.visibilityState === "hidden") return;
    if (this.line.state === "waiting" && !this.#asked) this.start();
    else if (this.line.state === "open") this.#probe();
  }

  /** The line is dead, whatever the socket thinks: make a new one. */
  cut() {
    const socket = this.#socket;
    if (!socket) return;
    socket.close();
    this.#gone(socket, 1006);
  }

  /** One command; resolves with its reply. */
  send(type, fields = {}) {
    if (this.line.state !== "open" && type !== "hello") return Promise.reject(new Lost());
    return this.#command(type, fields);
  }

  /** A command that has no reply. */
  tell(type, fields = {}) {
    if (this.line.state === "open") this.#socket.send(JSON.stringify({ type, ...fields }));
  }

  #command(type, fields) {
    const socket = this.#socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.reject(new Lost());
    this.#nextId += 1;
    const id = this.#nextId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ type, id, ...fields }));
    });
  }

  async #open(socket) {
    try {
      const welcome = await this.#command("hello", this.#hello());
      if (socket !== this.#socket) return;
      this.#tries = 0;
      this.#asked = null;
      this.#range = welcome.server?.reconnect ?? FIRST_WAIT;
      this.#pulse = setInterval(() => this.#beat(), 5_000);
      this.#tell({ state: "open" });
      this.#onWelcome(welcome);
    } catch (problem) {
      if (!(problem instanceof Refused) || socket !== this.#socket) return;
      if (["unavailable", "rate_limited"].includes(problem.code)) {
        this.#asked = problem.reply.retry_after ?? null;
        socket.close();
      } else {
        this.#end({ refused: problem.reply });
      }
    }
  }

  #hear(socket, data) {
    if (socket !== this.#socket) return;
    this.#heard = Date.now();
    const frame = JSON.parse(data);
    const waiting = frame.id === undefined ? undefined : this.#waiting.get(frame.id);
    if (waiting) {
      this.#waiting.delete(frame.id);
      if (frame.type === "error") waiting.reject(new Refused(frame));
      else waiting.resolve(frame);
    } else if (frame.type === "draining") {
      this.#asked = frame.reconnect_after ?? null;
    } else if (frame.type === "error") {
      if (this.line.state !== "open") this.#end({ refused: frame });
    } else {
      this.#onEvent(frame);
    }
  }

  #gone(socket, code) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearInterval(this.#pulse);
    this.#failAll();
    if (this.#ended) return;
    if (!mayReturn(code)) {
      this.#end({ code });
      return;
    }
    const [low, high] = this.#range;
    const seconds = this.#asked === null
      ? backoff(this.#tries, this.#range)
      : this.#asked + Math.random() * (high - low);
    this.#tries += 1;
    this.#timer = setTimeout(() => {
      this.#asked = null;
      this.start();
    }, seconds * 1000);
    this.#tell({ state: "waiting", at: Date.now() + seconds * 1000, tries: this.#tries, draining: this.#asked !== null });
  }

  #beat() {
    if (Date.now() - this.#heard > QUIET) this.#probe();
  }

  /** Ask for a sign of life; a line that gives none is cut, so that a new one can be made. */
  #probe() {
    const socket = this.#socket;
    const cut = setTimeout(() => {
      if (socket === this.#socket) this.cut();
    }, ANSWER_TIME);
    this.#command("ping", {}).then(() => clearTimeout(cut), () => clearTimeout(cut));
  }

  #end(why) {
    this.stop();
    this.#tell({ state: "ended", ...why });
  }

  #failAll() {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Lost());
  }

  #tell(line) {
    this.line = line;
    this.#onLine(line);
  }
}
