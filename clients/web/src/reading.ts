import { problemOf } from "../../typescript/src/problem.js";
import type { Message } from "../../typescript/src/index.js";

/** How long a message is seen until it is marked as read, milliseconds. */
const SEEN = 400;
/** How long until a mark is tried again that the server has not taken, milliseconds. */
const AGAIN = 5_000;

export interface ReadingParts {
  /** Whether somebody looks, and something is unread. */
  wanted(): boolean;
  mark(upTo: Message | undefined): Promise<void>;
  /** Has the page say anew what is seen. */
  look(): void;
}

/** Marks what is seen of a room as read. */
export class Reading {
  /** Up to where it is marked; `undefined` of a room without messages. */
  private marked: { upTo: Message | undefined } | undefined;
  /** What is marked when the time is over. */
  private due: Message | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private ended = false;

  constructor(private readonly parts: ReadingParts) {}

  /** Takes the last message that is seen; undefined: there is none in the room. */
  sees(upTo: Message | undefined): void {
    if (!this.parts.wanted() || (this.marked && !isBehind(upTo, this.marked.upTo))) return;
    if (this.timer === undefined) {
      this.due = upTo;
      this.timer = setTimeout(() => this.mark(), SEEN);
      // Messages that come meanwhile do not begin the time anew: in a busy room it would never be over.
    } else if (!isBehind(upTo, this.due)) this.due = upTo;
  }

  /** The network is back, or somebody looks again: nothing waits. */
  wake(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.parts.look();
  }

  close(): void {
    this.ended = true;
    clearTimeout(this.timer);
  }

  private mark(): void {
    this.timer = undefined;
    if (!this.parts.wanted()) return;
    const { marked, due } = this;
    this.marked = { upTo: due };
    this.parts.mark(due).catch((thrown: unknown) => {
      this.marked = marked;
      const { temporary, retryAfter } = problemOf(thrown);
      if (!temporary || this.ended) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.wake(), Math.max(AGAIN, (retryAfter ?? 0) * 1000));
    });
    this.parts.look(); // what has come meanwhile
  }
}

/** Whether a message stands behind another one. Positions say it; the order of ids is that of time, which neighbours of several servers need not keep. */
function isBehind(a: Message | undefined, b: Message | undefined): boolean {
  if (!a || !b) return a !== undefined;
  return a.position !== undefined && b.position !== undefined ? a.position > b.position : a.messageId > b.messageId;
}
