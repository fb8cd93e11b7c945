import { Pause } from "./backoff.js";
import { badAnswer, Problem, problemOf } from "./problem.js";
import type { Answer, RequestOptions } from "./request.js";
import { sseParser } from "./sse.js";
import { Value, type Store } from "./store.js";
import type { Poll } from "./types.js";
import type { Surroundings } from "./wake.js";

/**
 * How the connection is. `connecting`: for the first time; `live`: all that happens comes; `reconnecting`: it was cut, `problem` says why, and it is tried
 * again; `parked`: the page is hidden; `replaced`: the user has opened more streams than it may, connect() takes this one back; `closed`.
 */
export interface Connection {
  status: "idle" | "connecting" | "live" | "reconnecting" | "parked" | "replaced" | "closed";
  /** By long polls, as streams do not pass here. */
  polling?: boolean;
  problem?: Problem;
}

export interface StreamOptions {
  open(path: string, options: RequestOptions): Promise<Response>;
  call<T>(method: string, path: string, options: RequestOptions): Promise<Answer<T>>;
  /** The token is not good for streams any more. */
  renewToken(): void;
  /** An event's data. What it throws is told as rubbish. */
  event(data: unknown): void;
  /** Whatever happened before cannot be had from the stream: reload. From now on all comes. */
  resync(): void;
  surroundings: Surroundings;
  /** What becomes of the stream of a hidden page: `keep`, or for how long it is kept, milliseconds. */
  hidden: "keep" | number;
  /** Told of each block when `lastEventId` is the block's, before its event is given. Without an event the stream has only moved on. */
  taken?(event: unknown): void;
  random?: () => number;
  now?: () => number;
}

/** Keeps a client's stream, its own or one that it shares. */
export interface Stream {
  readonly state: Store<Connection>;
  start(): void;
  close(): void;
}

/** The server writes every 15 s: after three of these the connection is dead, whatever TCP thinks. Milliseconds. */
const SILENCE = 45_000;
/** Until the first block of a stream: what buffers streams shows nothing at all. */
const FIRST_BLOCK = 10_000;
/** Behind this a page that wakes does not trust its connection. */
const STALE = 17_000;
/** After so many streams that were answered and showed nothing, long polls are tried. */
const DUMB_STREAMS = 2;
/** For how long, before streams are tried again. */
const POLLING = 5 * 60_000;

/**
 * The live events of the user, over whatever connections it takes. Each event is given once, in order, and where that cannot be had `resync` is called.
 */
export class LiveStream implements Stream {
  readonly connection: Value<Connection> = new Value<Connection>({ status: "idle" });
  /** Behind what the stream goes on; "": it has not begun. */
  lastEventId = "";
  private retry = 0; // milliseconds
  private dumb = 0;
  private heardAt = 0;
  private running: AbortController | undefined;
  private attempt: AbortController | undefined;
  private readonly pause: Pause;
  private readonly now: () => number;

  constructor(private readonly options: StreamOptions) {
    this.now = options.now ?? (() => performance.now());
    this.pause = new Pause(options.random);
  }

  get state(): Store<Connection> {
    return this.connection;
  }

  /** Begins, or takes up again what has ended. */
  start(): void {
    if (this.running) return this.pause.wake();
    const running = (this.running = new AbortController());
    const ends = [
      this.options.surroundings.onWake((why) => this.wake(why === "online")),
      this.options.surroundings.onOffline?.(() => this.cut(new Problem("offline", 0, "the browser is offline"))),
      this.options.surroundings.onHidden(() => this.hide(running.signal)),
    ];
    running.signal.addEventListener("abort", () => ends.forEach((end) => end?.()));
    this.tell(this.lastEventId ? "reconnecting" : "connecting");
    void this.run(running.signal);
  }

  close(status: Connection["status"] = "closed"): void {
    this.running?.abort();
    this.running = undefined;
    this.attempt?.abort();
    this.tell(status);
  }

  tell(status: Connection["status"], problem?: Problem, polling?: boolean): void {
    const was = this.connection.getSnapshot();
    if (was.status === status && was.problem === problem && was.polling === polling) return;
    this.connection.set({ status, ...(problem && { problem }), ...(polling && { polling }) });
  }

  /**
   * The page or the network is back: no more waiting, and no trust in a connection that has said nothing for a while. `anew`: nor in one that was begun
   * while there was no network.
   */
  wake(anew = false): void {
    this.pause.wake();
    const begun = anew && this.connection.getSnapshot().status !== "live";
    if (begun || this.now() - this.heardAt > STALE) this.attempt?.abort(new Problem("network", 0, "the connection may be dead"));
  }

  /** Gives the connection up, and says so at once: it is not known how long it takes to end. It is tried again as behind any other end. */
  private cut(problem: Problem): void {
    if (this.attempt?.signal.aborted !== false) return;
    this.tell("reconnecting", problem);
    this.attempt.abort(problem);
  }

  private hide(running: AbortSignal): void {
    if (this.options.hidden === "keep") return;
    const timer = setTimeout(() => {
      this.tell("parked");
      this.attempt?.abort();
    }, this.options.hidden);
    const end = this.options.surroundings.onWake(() => {
      clearTimeout(timer);
      end();
      if (this.connection.getSnapshot().status === "parked") {
        this.tell("reconnecting");
        this.pause.wake();
      }
    });
    running.addEventListener("abort", () => {
      clearTimeout(timer);
      end();
    });
  }

  private async run(running: AbortSignal): Promise<void> {
    while (!running.aborted) {
      const attempt = (this.attempt = new AbortController());
      let problem: Problem;
      try {
        this.heardAt = this.now();
        if (this.dumb >= DUMB_STREAMS) await this.poll(attempt).finally(() => (this.dumb = 0));
        else await this.stream(attempt);
        problem = new Problem("network", 0, "the stream has ended");
      } catch (thrown) {
        problem = problemOf(attempt.signal.aborted ? (attempt.signal.reason as unknown) : thrown);
      } finally {
        attempt.abort(); // lets go of whatever is left of the connection
        if (this.attempt === attempt) this.attempt = undefined; // it may have been closed, and started again
      }
      if (running.aborted) return;
      if (this.connection.getSnapshot().status === "parked") {
        await this.pause.wait(Infinity, running);
        continue;
      }
      this.tell("reconnecting", problem);
      await this.pause.failed(problem, running, this.retry);
    }
  }

  /** One connection, until it ends. */
  private async stream(attempt: AbortController): Promise<void> {
    const watch = watchdog(attempt, FIRST_BLOCK + 20_000, "no answer to the request for a stream");
    try {
      const response = await this.options.open("/api/sse", { headers: this.headers("text/event-stream"), signal: attempt.signal });
      const type = response.headers.get("Content-Type") ?? "";
      if (response.status !== 200 || !type.startsWith("text/event-stream") || !response.body) {
        this.dumb++;
        throw badAnswer(`no event stream: status ${response.status}, ${type || "no type"}`, response.status);
      }
      this.dumb++; // until it shows something
      await this.read(response.body, watch, attempt.signal);
    } finally {
      watch.end();
    }
  }

  private async read(body: ReadableStream<Uint8Array>, watch: Watchdog, signal: AbortSignal): Promise<void> {
    watch.expect(FIRST_BLOCK, "the stream shows nothing");
    let silence = FIRST_BLOCK;
    const parse = sseParser({
      block: (id, data) => {
        if (signal.aborted) return; // what came with it in one piece, behind an event that ended the stream
        this.dumb = 0;
        this.pause.reset();
        silence = SILENCE;
        this.take(id, data === undefined ? data : parsed(data));
      },
      retry: (ms) => (this.retry = ms),
    });
    const decoder = new TextDecoder();
    const reader = body.getReader();
    const cancel = () => void reader.cancel().catch(() => {});
    signal.addEventListener("abort", cancel);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (signal.aborted) throw signal.reason;
        if (done) return;
        this.heardAt = this.now();
        parse(decoder.decode(value, { stream: true }));
        watch.expect(silence, "the stream is silent");
      }
    } finally {
      signal.removeEventListener("abort", cancel);
      cancel();
    }
  }

  /** Long polls, each from where the one before has ended. */
  private async poll(attempt: AbortController): Promise<void> {
    const until = this.now() + POLLING;
    while (!attempt.signal.aborted && this.now() < until) {
      const { data } = await this.options.call<Poll>("GET", "/api/poll", {
        headers: this.headers("application/json"),
        query: { timeout: 25 },
        timeout: SILENCE,
        signal: attempt.signal,
      });
      if (typeof data?.lastEventId !== "string" || !Array.isArray(data.events)) throw badAnswer("no poll");
      this.heardAt = this.now();
      this.pause.reset();
      for (const event of data.events) {
        this.take(event.id, event.data ?? null, true);
        if (attempt.signal.aborted) return;
      }
      this.take(data.lastEventId, undefined, true);
    }
  }

  private headers(accept: string): Record<string, string> {
    return { Accept: accept, ...(this.lastEventId && { "Last-Event-ID": this.lastEventId }) };
  }

  /** Takes a block: where the stream is now, and what has happened; undefined: nothing has. */
  take(id: string | undefined, event: unknown, polling = false): void {
    const begins = this.lastEventId === "";
    if (id) this.lastEventId = id;
    this.tell("live", undefined, polling);
    this.options.taken?.(event);
    if (begins) this.options.resync(); // whoever has just come knows nothing of what was before
    if (event !== undefined) this.give(event);
  }

  private give(event: unknown): void {
    const { type, reason } = (event ?? {}) as { type?: unknown; reason?: unknown };
    if (typeof type !== "string") return this.options.resync(); // something has happened, and it cannot be said what
    try {
      this.options.event(event);
    } catch {
      this.options.resync(); // an event that is not what its type says
    }
    if (type === "Resync") this.options.resync();
    if (type !== "StreamEnded") return;
    if (reason === "replaced") return this.close("replaced");
    this.options.renewToken();
    this.attempt?.abort(new Problem("unauthorized", 401, `the server has ended the stream: ${String(reason)}`));
    if (reason === "expired") this.pause.wake(); // that was to be expected: come back at once
  }
}

/** An event's data; null: it is rubbish. */
function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

interface Watchdog {
  expect(ms: number, orElse: string): void;
  end(): void;
}

/** Ends an attempt that is not heard of in time. */
function watchdog(attempt: AbortController, ms: number, orElse: string): Watchdog {
  let timer: ReturnType<typeof setTimeout>;
  const expect = (next: number, what: string) => {
    clearTimeout(timer);
    timer = setTimeout(() => attempt.abort(new Problem("timeout", 0, what)), next);
  };
  expect(ms, orElse);
  return { expect, end: () => clearTimeout(timer) };
}
