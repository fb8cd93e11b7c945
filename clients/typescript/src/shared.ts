import { Pause } from "./backoff.js";
import type { Share } from "./client.js";
import { Log } from "./log.js";
import { Problem, problemOf } from "./problem.js";
import type { Store } from "./store.js";
import { LiveStream, type Connection, type Stream, type StreamOptions } from "./stream.js";

/** Of the Web Locks API, what is used. */
export interface Locks {
  request(name: string, options: { signal: AbortSignal }, granted: () => Promise<void>): Promise<unknown>;
}

/** Of a BroadcastChannel, what is used. */
export interface Channel {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** The page's life, which ends without its code being asked. */
export interface Lifecycle {
  /** Calls back before the page is frozen, put aside or left. Gives what ends that. */
  onSuspend(listener: () => void): () => void;
  /** Calls back when it goes on. */
  onResume(listener: () => void): () => void;
}

export interface SharedOptions {
  locks?: Locks;
  channel?: (name: string) => Channel;
  lifecycle?: Lifecycle;
  /** How long a follower waits for an answer of the holder, milliseconds. */
  patience?: number;
}

/** What tabs say to each other. `from`: the tab. */
type Said = { from: string } & (
  | { kind: "holder"; id: string; connection: Plain }
  | { kind: "state"; connection: Plain }
  /** What the stream gave behind the id `after`. */
  | { kind: "block"; after: string; id: string; data?: string | undefined }
  /** A follower wants what is behind an id. */
  | { kind: "ask"; id: string }
  /** `blocks`: what is behind the id that was asked for, `since`; missing where that is not known any more. */
  | { kind: "answer"; to: string; since: string; id: string; blocks?: readonly { id: string; data?: string | undefined }[] | undefined; connection: Plain }
  | { kind: "wake" | "start" }
);
type Plain = Omit<Connection, "problem"> & { problem?: Pick<Problem, "code" | "status" | "message" | "traceId" | "retryAfter"> };
type Unsigned<T> = T extends unknown ? Omit<T, "from"> : never;

/** Without a word of the holder for so long a follower asks whether it has missed something, milliseconds. */
const QUIET = 30_000;
/** Stands behind the id before it for an event that has none. Ids are of letters, digits, - and _. */
const NO_ID = "~";
/** A holder that leaves so many questions unanswered is hung. */
const UNANSWERED = 3;

/**
 * Has all tabs of this browser and user hold one stream: one of them, who has a Web Lock, shares what it gives over a BroadcastChannel. When it closes, or is frozen, the next
 * one takes over and goes on where it was. Where a browser has neither, or forbids them, each tab has a stream of its own.
 */
export function shared(options: SharedOptions = {}): Share {
  const here = globalThis as { navigator?: { locks?: Locks }; BroadcastChannel?: new (name: string) => unknown };
  const { BroadcastChannel } = here;
  const locks = options.locks ?? here.navigator?.locks;
  const channel = options.channel ?? (BroadcastChannel && ((name: string) => new BroadcastChannel(name) as Channel));
  return (stream, identity) =>
    locks && channel ? new SharedStream(stream, identity, locks, channel, options.lifecycle ?? browserLifecycle(), options.patience ?? 2_000) : new LiveStream(stream);
}

class SharedStream implements Stream {
  private readonly stream: LiveStream;
  private readonly me = crypto.randomUUID();
  private readonly log = new Log();
  /** What this tab has had already and the holder's stream gives again, as it was behind this one. */
  private readonly ahead = new Set<string>();
  private readonly pause: Pause;
  /** While this tab takes part. */
  private joined: AbortController | undefined;
  private ends: (() => void)[] | undefined;
  private channel: Channel | undefined;
  private name: string | undefined;
  private holder = "";
  /** Whether this tab's own stream is the one that counts for it: it holds the lock, or can have none, or hears nothing of who holds it. */
  private leads = false;
  private asking = false;
  private unanswered = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly options: StreamOptions,
    private readonly identity: () => Promise<string | undefined>,
    private readonly locks: Locks,
    private readonly open: (name: string) => Channel,
    private readonly lifecycle: Lifecycle,
    private readonly patience: number,
  ) {
    this.pause = new Pause(options.random);
    this.stream = new LiveStream({
      ...options,
      hidden: "keep", // a hidden holder does not park the stream of all, it gives it up
      open: async (path, request) => {
        const response = await options.open(path, request);
        await this.sameUser();
        return response;
      },
      call: async (method, path, request) => {
        const answer = await options.call<never>(method, path, request);
        await this.sameUser();
        return answer;
      },
      taken: (event) => this.taken(event),
      event: (event) => {
        if ((event as { type?: unknown }).type === "Resync") this.ahead.clear();
        else if (this.ahead.size > 0 && this.ahead.delete(JSON.stringify(event))) return;
        options.event(event);
      },
    });
    this.stream.connection.subscribe(() => {
      if (this.holds) this.say({ kind: "state", connection: this.plain() });
    });
  }

  get state(): Store<Connection> {
    return this.stream.state;
  }

  start(): void {
    if (this.ends) {
      this.pause.wake();
      if (!this.joined) return this.join();
      return this.leads ? this.stream.start() : this.say({ kind: "start" });
    }
    const { surroundings, hidden } = this.options;
    let hiding: ReturnType<typeof setTimeout> | undefined;
    this.ends = [
      () => clearTimeout(hiding),
      surroundings.onWake(() => {
        clearTimeout(hiding);
        this.wake();
      }),
      surroundings.onHidden(() => {
        clearTimeout(hiding);
        if (hidden !== "keep") hiding = setTimeout(() => this.leave("parked"), hidden);
      }),
      this.lifecycle.onSuspend(() => this.leave("parked")),
      this.lifecycle.onResume(() => this.wake()),
    ];
    this.join();
  }

  close(): void {
    this.ends?.forEach((end) => end());
    this.ends = undefined;
    this.leave("closed");
  }

  /** Whether this tab has the lock. */
  private get holds(): boolean {
    return this.holder === this.me;
  }

  private join(): void {
    const joined = (this.joined = new AbortController());
    this.stream.tell(this.log.end ? "reconnecting" : "connecting");
    void this.takePart(joined.signal);
  }

  private async takePart(signal: AbortSignal): Promise<void> {
    const name = await this.named(signal);
    if (signal.aborted) return;
    this.name = name;
    if (name === undefined) return this.lead();
    const scope = `@ism-chat/client 1 ${name}`;
    try {
      const channel = (this.channel = this.open(scope));
      channel.onmessage = ({ data }) => {
        if (!signal.aborted && data) this.hear(data as Said);
      };
      this.ask();
      await this.locks.request(scope, { signal }, () => this.hold(signal));
    } catch {
      if (!signal.aborted) this.lead(); // they are forbidden here
    }
  }

  private async named(signal: AbortSignal): Promise<string | undefined> {
    this.pause.reset();
    while (!signal.aborted) {
      try {
        return await this.identity();
      } catch (thrown) {
        if (signal.aborted) break;
        this.stream.tell("reconnecting", problemOf(thrown));
        await this.pause.failed({}, signal);
      }
    }
    return undefined;
  }

  /** The others would be shown what is somebody else's. */
  private async sameUser(): Promise<void> {
    if ((await this.identity()) !== this.name) throw new Problem("no-token", 0, "getToken gives the token of another user");
  }

  /** Has the lock, until this tab leaves. */
  private async hold(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.holder = this.me;
    this.lead();
    this.say({ kind: "holder", id: this.log.end, connection: this.plain() });
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }

  private lead(): void {
    this.answered();
    clearTimeout(this.timer);
    this.leads = true;
    this.stream.start();
  }

  private leave(status: "closed" | "parked"): void {
    this.answered();
    clearTimeout(this.timer);
    this.leads = false;
    this.holder = "";
    this.stream.close(status);
    this.channel?.close();
    this.channel = undefined;
    this.joined?.abort(); // last: the lock goes to the next one, whose stream may open
    this.joined = undefined;
  }

  private wake(): void {
    this.pause.wake();
    if (!this.joined) return this.join();
    if (this.leads) return; // the stream itself has heard it
    this.say({ kind: "wake" });
    this.ask();
  }

  private say(what: Unsigned<Said>): void {
    this.channel?.postMessage({ from: this.me, ...what });
  }

  private plain(): Plain {
    const { problem, ...rest } = this.stream.state.getSnapshot();
    if (!problem) return rest;
    const { code, status, message, traceId, retryAfter } = problem;
    return { ...rest, problem: { code, status, message, traceId, ...(retryAfter !== undefined && { retryAfter }) } };
  }

  /** A block of this tab's stream, or of the holder's. */
  private taken(event: unknown): void {
    const after = this.log.end;
    // That a stream has ended concerns whoever has it: the connection's state tells it to others.
    const data = event === undefined || (event as { type?: unknown } | null)?.type === "StreamEnded" ? undefined : JSON.stringify(event);
    const { lastEventId } = this.stream;
    const moved = lastEventId !== eventIdOf(after);
    if (!moved && data === undefined) return;
    const id = moved ? lastEventId : `${after}${NO_ID}`;
    this.log.append(id, data);
    if (this.holds) this.say({ kind: "block", after, id, data });
  }

  private hear(said: Said): void {
    if (this.holds) return this.hearFollower(said);
    switch (said.kind) {
      case "holder":
        return this.align(said);
      case "answer": // to another tab's question, or to one that has been answered
        return said.to === this.me && said.since === this.log.end ? this.align(said) : undefined;
      case "state":
      case "block":
        if (this.asking) return;
        // A holder that was hung and goes on, has not been heard of before, or is one no longer; or something is missing.
        if (this.leads || said.from !== this.holder || (said.kind === "block" && said.after !== this.log.end)) return this.ask();
        this.watch();
        return said.kind === "state" ? this.show(said.connection) : this.feed(said);
    }
  }

  private hearFollower(said: Said): void {
    if (said.kind === "ask") this.say({ kind: "answer", to: said.from, since: said.id, id: this.log.end, blocks: this.log.since(said.id), connection: this.plain() });
    if (said.kind === "wake") this.stream.wake();
    if (said.kind === "start") this.stream.start();
  }

  /** Goes from where this tab is to where the holder is. */
  private align(said: Extract<Said, { kind: "holder" | "answer" }>): void {
    const { id } = said;
    this.holder = said.from;
    this.answered();
    if (this.leads) {
      this.leads = false;
      this.stream.close("reconnecting");
    }
    if (said.kind === "answer" && said.blocks) said.blocks.forEach((block) => this.feed(block));
    else if (id !== this.log.end && id !== "") {
      const had = this.log.rewind(id);
      if (had) {
        for (const data of had) this.ahead.add(data);
        this.stream.take(eventIdOf(id), undefined);
      } else if (said.kind === "holder") return this.ask();
      else this.begin(id);
    }
    this.show(said.connection);
    this.watch();
  }

  /** What was before cannot be had from the holder: begins with what is now. */
  private begin(id: string): void {
    const begins = this.stream.lastEventId === "";
    this.ahead.clear();
    this.log.begin(id);
    this.stream.take(eventIdOf(id), undefined);
    if (begins) return;
    this.options.event({ type: "Resync", reason: "expired", createdAt: new Date().toISOString() });
    this.options.resync();
  }

  private feed({ id, data }: { id: string; data?: string | undefined }): void {
    this.stream.take(eventIdOf(id), data === undefined ? undefined : JSON.parse(data), this.state.getSnapshot().polling);
  }

  private show({ status, problem, polling }: Plain): void {
    this.stream.tell(status, problem && new Problem(problem.code, problem.status, problem.message, problem.traceId, problem.retryAfter), polling);
  }

  private ask(): void {
    this.asking = true;
    this.say({ kind: "ask", id: this.log.end });
    this.later(this.patience, () => {
      if (++this.unanswered < UNANSWERED) return this.ask();
      this.lead(); // a stream too many is better than none
    });
  }

  private answered(): void {
    this.asking = false;
    this.unanswered = 0;
  }

  /** Asks when nothing has been heard of the holder for a while: it may be gone without its lock, or this tab was frozen without being told. */
  private watch(): void {
    this.later(QUIET, () => this.ask());
  }

  private later(ms: number, act: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(act, ms);
  }
}

/** The id of a stream where a block stands. */
function eventIdOf(id: string): string {
  return id.replaceAll(NO_ID, "");
}

/** What a browser tells: Page Lifecycle's freeze and resume, and the back/forward cache. In Node nothing is told. */
export function browserLifecycle(here: { window?: EventTarget; document?: EventTarget } = globalThis as { window?: EventTarget; document?: EventTarget }): Lifecycle {
  const { window, document } = here;
  const listen = (listener: () => void, ...at: [EventTarget | undefined, string][]) => {
    for (const [target, type] of at) target?.addEventListener(type, listener);
    return () => at.forEach(([target, type]) => target?.removeEventListener(type, listener));
  };
  return {
    onSuspend: (listener) => listen(listener, [document, "freeze"], [window, "pagehide"]),
    onResume: (listener) => listen(listener, [document, "resume"], [window, "pageshow"]),
  };
}
