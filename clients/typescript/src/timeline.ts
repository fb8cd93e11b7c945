import { Pause } from "./backoff.js";
import { badAnswer, listOf, problemOf, retryAfter, type Problem } from "./problem.js";
import type { Answer, RequestOptions } from "./request.js";
import { Value, type Store } from "./store.js";
import type { Changes, Message, StreamEvent } from "./types.js";
import { Window, type Change } from "./window.js";

/** A message as it is shown. */
export interface TimelineItem {
  /** Stays the same from when a message is sent here until it is in the room, and on. */
  key: string;
  state: "sent" | "sending" | "failed";
  /** Of one that is not sent yet `messageId` is empty. */
  message: Message;
  /** Why it has failed, or why it is still tried. */
  problem?: Problem;
}

export interface TimelineState {
  /** The oldest first; those that are not sent yet at the end, where the newest message is shown. */
  items: readonly TimelineItem[];
  /** Whether the first messages of the room are there; else loadOlder() brings more. */
  atBeginning: boolean;
  /** Whether the newest are; else loadNewer() brings more. It may become false where loadOlder() or messages that come make the timeline too long. */
  atEnd: boolean;
  loading: boolean;
  /** False while something that has happened may be missing. */
  caughtUp: boolean;
  /** Why something could not be loaded. What is there stays. */
  problem?: Problem;
}

/** How much a timeline keeps; what is farthest from where more was loaded last is dropped, and loaded again when that is wanted. */
export interface TimelineLimits {
  /** Messages; 1,000, and 200 at least. */
  messages?: number;
  /** About, of memory; 8 MB. A hundred messages are kept whatever they take. */
  bytes?: number;
}

export interface TimelineParts {
  limits?: TimelineLimits | undefined;
  room: string;
  call<T>(method: string, path: string, options?: RequestOptions): Promise<Answer<T>>;
  /** Messages of this room that are not sent yet. */
  local(): readonly TimelineItem[];
  /** Whether a message is the user's, or may be; undefined: that is not known yet. */
  own(message: Message): boolean | undefined;
  /** Whether a name was given here. */
  sentHere(clientMsgId: string): boolean;
  random?: () => number;
  /** The server tells changes up to a fraction of a second ago: it is asked again after this, milliseconds. */
  settle?: number;
}

const PAGE = 50;
/** After so many pages of changes it is quicker to begin anew. */
const MAX_CATCH_UP = 5;
const SETTLE = 2_000;
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 8 << 20;

/** Where more is to be asked for: behind a page, or, where something was dropped, around the last message that is left. */
type Edge = { cursor: string } | { around: string };

/** One room's timeline, kept up to date. */
export class Timeline implements Store<TimelineState> {
  private readonly window = new Window();
  private readonly value: Value<TimelineState>;
  private readonly pause: Pause;
  private older: Edge | undefined;
  private newer: Edge | undefined;
  private loads = 0;
  private problem: Problem | undefined;
  private loaded = false;
  /** Up to where in the room's log all is known. */
  private synced = "";
  /** Up to where in the log the stream has come. */
  private streamed = "";
  /** From where on something may be missing; undefined: nothing is. */
  private gap: string | undefined;
  /** Counts what makes a gap, so that one that comes while another is closed is not forgotten. */
  private gaps = 0;
  private gapAt = 0;
  private closing: Promise<void> | undefined;
  private ended = new AbortController();
  private items = new WeakMap<Message, TimelineItem>();
  readonly subscribe: Store<TimelineState>["subscribe"];
  readonly getSnapshot: () => TimelineState;
  /** Which end stays where the timeline becomes too long: that at which more was loaded last. Whoever shows the other one, while messages come, says so here. */
  keepsOldest = false;

  constructor(private readonly parts: TimelineParts) {
    this.pause = new Pause(parts.random);
    this.value = new Value<TimelineState>({ items: [], atBeginning: false, atEnd: false, loading: false, caughtUp: false });
    this.subscribe = this.value.subscribe;
    this.getSnapshot = this.value.getSnapshot;
  }

  /** Loads the newest messages, in place of what is there; or those around a message. */
  async load(around?: string): Promise<void> {
    const { gaps } = this;
    await this.loading(async () => {
      const { known, complete } = await this.adopt(around);
      if (gaps !== this.gaps || !complete) this.gap = known;
      else this.gap = undefined;
      if (!complete) this.gaps++;
    });
    void this.closeGap();
  }

  /** Replaces what is there. `known`: up to where in the log the window has all; `complete`: whether the answer lacks nothing behind that. */
  private async adopt(around?: string): Promise<{ known: string; complete: boolean; wait: number }> {
    const { data, headers } = await this.ask(around === undefined ? {} : { around });
    this.window.clear();
    this.keepsOldest = false;
    this.older = edgeOf(headers, "Next");
    this.newer = around === undefined ? undefined : edgeOf(headers, "Previous");
    this.window.atBeginning = this.older === undefined;
    this.window.atEnd = this.newer === undefined;
    this.window.page(data);
    this.loaded = true;
    const before = headers.get("X-Complete-Before");
    const sure = before === null ? data : data.filter(({ position }) => position !== undefined && position < before);
    const known = this.window.atEnd ? maxPosition(sure) : later(this.synced, this.streamed);
    this.synced = before === null ? later(known, this.streamed) : known;
    return { known, complete: before === null, wait: Math.max(seconds(headers.get("Retry-After")), 500) };
  }

  /** Loads the messages before the oldest that is there. */
  async loadOlder(): Promise<void> {
    if (!this.loaded) return this.load();
    const edge = this.older;
    if (!edge) return;
    await this.loading(async () => {
      const { data, headers } = await this.beyond(edge);
      if (edge !== this.older) return; // another call has brought the same, or the window is another one
      this.keepsOldest = true;
      this.older = edgeOf(headers, "Next");
      this.window.atBeginning = this.older === undefined;
      this.window.page(data);
    });
  }

  /** Loads the messages behind the newest that is there. */
  async loadNewer(): Promise<void> {
    if (!this.loaded) return this.load();
    const edge = this.newer;
    if (!edge) return;
    await this.loading(async () => {
      const around = "around" in edge;
      const { data, headers } = await this.beyond(around ? edge : { ...edge, direction: "newer" });
      if (edge !== this.newer) return;
      this.keepsOldest = false;
      const incomplete = headers.get("X-Complete-Before") !== null || headers.get("Retry-After") !== null;
      // What is told to ask again is asked from the same place: what comes twice changes nothing.
      this.newer = edgeOf(headers, around ? "Previous" : "Next") ?? (incomplete ? edge : undefined);
      this.window.atEnd = this.newer === undefined;
      this.window.page(data);
    });
  }

  /** Applies what the stream says, which is in the order of the room's log, and all of it. */
  event(event: StreamEvent): void {
    const change = changeOf(event);
    if (change?.message.chatRoomId === this.parts.room) this.streamedChange(change);
  }

  private streamedChange(change: Change): void {
    if (change.position !== undefined) this.streamed = later(this.streamed, change.position);
    if (this.gap === undefined) this.synced = later(this.synced, this.streamed);
    const changed = this.window.apply(change);
    if (change.kind === "new" && change.position === undefined) this.resync(); // where it belongs is told by a REST answer alone
    else if (changed) this.publish();
  }

  /** Applies what an answer to a request of the user's says: it may be ahead of the stream. */
  answered(change: Change): void {
    if (this.window.apply(change)) this.publish();
  }

  /** Says that the stream has lost something: what is there is brought up to date. */
  resync(): void {
    this.gaps++;
    this.gapAt = performance.now();
    if (!this.loaded) return; // a page that is under way sees by the count that it may lack something
    this.gap ??= this.synced;
    this.publish();
    void this.closeGap();
  }

  /** What is not sent yet has changed. */
  localChanged(): void {
    this.publish();
  }

  /** The network is back: nothing waits any longer. */
  wake(): void {
    this.pause.wake();
  }

  close(): void {
    this.ended.abort();
  }

  private closeGap(): Promise<void> {
    if (!this.loaded || this.gap === undefined) return Promise.resolve();
    return (this.closing ??= this.catchUp().finally(() => (this.closing = undefined)));
  }

  /** Asks for what has happened since all was known, until nothing can be missing. */
  private async catchUp(): Promise<void> {
    const { signal } = this.ended;
    this.pause.reset();
    while (this.gap !== undefined && !signal.aborted) {
      const { gaps } = this;
      try {
        const settle = this.parts.settle ?? SETTLE;
        const asked = performance.now();
        const wait = Math.max(await this.changes(), this.gaps !== gaps || asked - this.gapAt < settle ? settle : 0);
        this.pause.reset();
        this.problem = undefined;
        if (wait === 0 && this.gaps === gaps) {
          this.gap = undefined;
          this.synced = later(this.synced, this.streamed);
        }
        this.publish();
        if (wait > 0) await this.pause.wait(wait, signal);
      } catch (thrown) {
        const problem = (this.problem = problemOf(thrown));
        if (!problem.temporary) break; // the room is the user's no longer, as a rule
        this.publish();
        await this.pause.failed(problem, signal);
      }
    }
    this.publish();
  }

  /** One walk through the changes. Gives how long to wait before another one, milliseconds; 0: that was all. */
  private async changes(): Promise<number> {
    for (let pages = 0; ; pages++) {
      const since = this.gap ?? this.synced;
      // Without a position to begin at, or where too much has happened, the newest page says it in one answer.
      if (pages >= MAX_CATCH_UP || (since === "" && this.window.size > 0)) return this.begin();
      let answer: Answer<Changes>;
      try {
        answer = await this.parts.call<Changes>("GET", `/api/rooms/${this.parts.room}/changes`, { query: { since }, signal: this.ended.signal });
      } catch (thrown) {
        if (problemOf(thrown).code === "invalid-position") return this.begin(); // the log has lost what this client has seen
        throw thrown;
      }
      const { data, headers } = answer;
      if (!Array.isArray(data?.changes) || typeof data.since !== "string") throw badAnswer("without changes");
      for (const { change, position, message } of data.changes) {
        this.window.apply({ kind: change === "edited" || change === "deleted" ? change : "new", message, position });
      }
      this.gap = data.since;
      this.synced = later(this.synced, data.since);
      if (!data.more) return seconds(headers.get("Retry-After"));
    }
  }

  /** Loads anew what is shown, and gives how long to wait before that is asked for again. */
  private async begin(): Promise<number> {
    const shown = this.window.messages;
    const { known, complete, wait } = await this.adopt(this.window.atEnd ? undefined : shown[shown.length >> 1]?.messageId);
    this.gap = known;
    return complete ? 0 : wait;
  }

  /** A page at an end of the window. */
  private async beyond(query: Edge & { direction?: string }): Promise<Answer<Message[]>> {
    try {
      return await this.ask(query);
    } catch (thrown) {
      if (problemOf(thrown).code === "message-not-found") void this.load().catch(() => {}); // the last message that is here was purged
      throw thrown;
    }
  }

  /** Keeps the timeline within its limits. */
  private trim(): void {
    const { messages = MAX_MESSAGES, bytes = MAX_BYTES } = this.parts.limits ?? {};
    const { keepsOldest, window } = this;
    if (!window.trim(messages, bytes, keepsOldest)) return;
    const left = window.messages;
    if (keepsOldest) this.newer = { around: left[left.length - 1]!.messageId };
    else this.older = { around: left[0]!.messageId };
  }

  private async ask(query: RequestOptions["query"]): Promise<Answer<Message[]>> {
    const answer = await this.parts.call<Message[]>("GET", `/api/rooms/${this.parts.room}/timeline`, {
      query: { limit: PAGE, ...query },
      signal: this.ended.signal,
    });
    listOf(answer.data, "messageId");
    return answer;
  }

  private async loading(load: () => Promise<void>): Promise<void> {
    this.loads++;
    this.publish();
    try {
      await load();
      this.problem = undefined;
    } catch (thrown) {
      throw (this.problem = problemOf(thrown));
    } finally {
      this.loads--;
      this.publish();
    }
  }

  private publish(): void {
    this.trim();
    if (this.loaded && this.loads === 0 && this.gap === undefined) this.window.forget();
    const messages = this.window.messages;
    const items = messages.map((message) => this.itemOf(message));
    if (this.window.atEnd || !this.loaded) {
      const local = this.parts.local();
      if (local.length > 0) {
        const there = new Set(messages.filter((m) => m.clientMsgId && this.parts.own(m) !== false).map((m) => m.clientMsgId));
        items.push(...local.filter((item) => !there.has(item.key))); // the stream may be quicker than the answer to a send
      }
    }
    const { atBeginning, atEnd } = this.window;
    this.value.set({
      items,
      atBeginning,
      atEnd,
      loading: this.loads > 0,
      caughtUp: this.loaded && this.gap === undefined,
      ...(this.problem && { problem: this.problem }),
    });
  }

  private itemOf(message: Message): TimelineItem {
    let item = this.items.get(message);
    if (!item) {
      const key = message.clientMsgId !== undefined && this.parts.sentHere(message.clientMsgId) && this.parts.own(message) !== false ? message.clientMsgId : message.messageId;
      item = { key, state: "sent", message };
      this.items.set(message, item);
    }
    return item;
  }
}

/** What an event does to a timeline; undefined: nothing. */
function changeOf(event: StreamEvent): Change | undefined {
  switch (event.type) {
    case "ChatMessage":
    case "RoomChangeEvent":
      return { kind: "new", message: event.message, position: event.position ?? event.message.position };
    case "MessageEdited":
      return { kind: "edited", message: event.message, position: event.position };
    case "MessageDeleted":
      return { kind: "deleted", message: event.message, position: event.position };
    default:
      return undefined;
  }
}

function edgeOf(headers: Headers, which: "Next" | "Previous"): Edge | undefined {
  const cursor = headers.get(`X-${which}-Cursor`);
  return cursor === null ? undefined : { cursor };
}

/** Retry-After, in milliseconds. */
function seconds(value: string | null): number {
  return (retryAfter(value) ?? 0) * 1000;
}

function later(a: string, b: string): string {
  return a > b ? a : b;
}

function maxPosition(messages: readonly Message[]): string {
  return messages.reduce((max, { position }) => later(max, position ?? ""), "");
}
