import type { Message } from "./types.js";

/** What has happened to a message. `position`: where in the room's log that was; missing where it was not told. */
export interface Change {
  kind: "new" | "edited" | "deleted";
  message: Message;
  position?: string | undefined;
}

interface Entry {
  message: Message;
  /** Where it is in the room; undefined: that is not known yet, and it stands at the end. */
  position: string | undefined;
  /** Where the newest revision that was applied is in the log; "": it was not told. */
  revision: string;
  /** About how much memory it takes, bytes. */
  size: number;
}

/** Of changes that are remembered. */
const MAX_RECENT = 1000;
/** Messages that a window keeps however large they are: what is scrolled through must not go. */
const FEWEST = 100;

/**
 * A part of a room's timeline without a gap, in the order of positions. Changes may be applied in any order, and again: the outcome is the same.
 */
export class Window {
  private readonly entries = new Map<string, Entry>();
  private sorted: Entry[] = [];
  private bytes = 0;
  /** What has happened last: a page that is under way, and a message that comes late, may be as they were before. */
  private readonly recent = new Map<string, Change>();
  /** Whether it reaches to the newest message: what is sent now belongs into it. */
  atEnd = false;
  /** Whether it reaches to the room's first message. */
  atBeginning = false;

  /** The messages, the oldest first. */
  get messages(): Message[] {
    return this.sorted.map((entry) => entry.message);
  }

  get size(): number {
    return this.sorted.length;
  }

  has(id: string): boolean {
    return this.entries.has(id);
  }

  clear(): void {
    this.entries.clear();
    this.sorted = [];
    this.bytes = 0;
    this.atEnd = this.atBeginning = false;
  }

  /** Takes a page in, whose messages belong together with what is there, and what has happened meanwhile. */
  page(messages: readonly Message[]): void {
    for (const message of messages) this.insert(message, message.position, "");
    this.settle();
  }

  /** Applies what has happened, and says whether that changed anything. */
  apply(change: Change): boolean {
    this.remember(change);
    const { messageId } = change.message;
    if (this.entries.has(messageId)) return this.take(change);
    if (!this.belongs(change)) return false;
    this.take(change);
    this.settle(messageId);
    return true;
  }

  /** Drops what is too much, at its newest side or at its oldest. Says whether that was anything. */
  trim(messages: number, bytes: number, newest: boolean): boolean {
    const before = this.size;
    while (this.size > messages || (this.bytes > bytes && this.size > FEWEST)) {
      const gone = (newest ? this.sorted.pop() : this.sorted.shift()) as Entry;
      this.entries.delete(gone.message.messageId);
      this.bytes -= gone.size;
    }
    if (this.size === before) return false;
    if (newest) this.atEnd = false;
    else this.atBeginning = false;
    return true;
  }

  /** No page is under way any more: what came meanwhile is in its place. */
  forget(): void {
    for (const [key, { kind }] of this.recent) if (kind === "new") this.recent.delete(key);
  }

  /** Applies again what has happened last, to one message or to all. */
  private settle(only?: string): void {
    for (const change of this.recent.values()) {
      const id = change.message.messageId;
      if (only !== undefined && id !== only) continue;
      if (this.entries.has(id)) this.take(change);
      else if (this.belongs(change)) {
        this.take(change);
        this.settle(id); // a revision may have come before
      }
    }
  }

  private take({ kind, message, position }: Change): boolean {
    return kind === "new" ? this.insert(message, position ?? message.position, "") : this.insert(message, message.position, position ?? "");
  }

  /** Whether a new message at the position is part of what the window shows. */
  private belongs(change: Change): boolean {
    if (change.kind !== "new") return false;
    const position = change.position ?? change.message.position;
    const first = this.sorted[0]?.position;
    const last = this.lastPosition();
    if (position === undefined) return this.atEnd;
    if (!this.atEnd && (last === undefined || position > last)) return false;
    return this.atBeginning || (first !== undefined && position > first);
  }

  /** The newest position of a message; undefined: none is known. */
  lastPosition(): string | undefined {
    for (let i = this.sorted.length - 1; i >= 0; i--) {
      const position = this.sorted[i]?.position;
      if (position !== undefined) return position;
    }
    return undefined;
  }

  private remember(change: Change): void {
    const key = `${change.kind === "new" ? "new" : "revision"} ${change.message.messageId}`;
    const before = this.recent.get(key);
    if (before && !newer(before, change)) return;
    this.recent.delete(key); // so that it is the youngest
    this.recent.set(key, change);
    if (this.recent.size > MAX_RECENT) {
      const oldest = this.recent.keys().next();
      if (!oldest.done) this.recent.delete(oldest.value);
    }
  }

  private insert(message: Message, position: string | undefined, revision: string): boolean {
    const before = this.entries.get(message.messageId);
    if (!before) {
      const entry = this.keep(message, position, revision);
      this.sorted.splice(this.indexOf(position), 0, entry);
      return true;
    }
    // A message that the log has twice is where it was first.
    const at = before.position === undefined || (position !== undefined && position < before.position) ? position : before.position;
    const isNewer = supersedes(message, revision, before.message, before.revision);
    if (at === before.position && !isNewer) {
      if (revision > before.revision && message.editedAt === before.message.editedAt) before.revision = revision; // the same, and now it is known where
      return false;
    }
    this.bytes -= before.size;
    const entry = isNewer ? this.keep(message, at, revision) : this.keep(before.message, at, before.revision);
    const index = this.sorted.indexOf(before);
    if (at === before.position) this.sorted[index] = entry;
    else {
      this.sorted.splice(index, 1);
      this.sorted.splice(this.indexOf(at), 0, entry);
    }
    return true;
  }

  private keep(message: Message, position: string | undefined, revision: string): Entry {
    const size = 2 * JSON.stringify(message).length;
    const entry = { message: positioned(message, position), position, revision, size };
    this.entries.set(message.messageId, entry);
    this.bytes += size;
    return entry;
  }

  /** Where an entry of a position is to stand. Those of no known position are at the end, as they came. */
  private indexOf(position: string | undefined): number {
    if (position === undefined) return this.sorted.length;
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.sorted[middle]?.position;
      if (there === undefined || there > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function positioned(message: Message, position: string | undefined): Message {
  return position === undefined || message.position === position ? message : { ...message, position };
}

function newer(before: Change, change: Change): boolean {
  const at = (c: Change) => (c.kind === "new" ? "" : (c.position ?? ""));
  return supersedes(change.message, at(change), before.message, at(before));
}

/**
 * Whether a message as it is here is newer than as it is there. Deleted is for good. Of two edits the later one in the log is right; where it is not known
 * where they are in the log, as of a timeline's answer, their times say it.
 */
function supersedes(here: Message, revision: string, there: Message, thereRevision: string): boolean {
  if (there.deletedAt !== undefined || here.deletedAt !== undefined) return there.deletedAt === undefined;
  if (revision !== "" && thereRevision !== "") return revision > thereRevision;
  return (here.editedAt ?? "") > (there.editedAt ?? "");
}
