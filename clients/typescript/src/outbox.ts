import { Pause } from "./backoff.js";
import { Problem, problemOf } from "./problem.js";
import type { Message, SendRequest } from "./types.js";

/** A message that is to be sent. */
export interface OutboxEntry {
  /** Names the send at the server, so that it happens once however often it is tried. */
  clientMsgId: string;
  /** Messages of a room are sent in this order. */
  order: number;
  request: SendRequest;
  /** RFC 3339, by this machine's clock. */
  createdAt: string;
  /** When it was tried first, as Date.now(); undefined: never. */
  triedAt?: number;
  /** Why it is not tried any more. */
  failed?: { code: string; status: number; message: string; traceId: string };
}

/** Where messages wait that are not sent yet. `@ism-chat/client/offline` has one that outlives the page. */
export interface OutboxStorage {
  load(): Promise<OutboxEntry[]>;
  put(entry: OutboxEntry): Promise<void>;
  remove(clientMsgId: string): Promise<void>;
}

export interface OutboxParts {
  storage: OutboxStorage | undefined;
  send(entry: OutboxEntry, signal: AbortSignal): Promise<Message>;
  sent(message: Message, entry: OutboxEntry): void;
  changed(room: string): void;
  /** The storage is full or forbidden: messages are sent all the same, and do not outlive the page. */
  storageFailed(problem: Problem): void;
  random?: () => number;
  now?: () => number;
}

/** The server knows a send by its name for a day at least. Behind this nobody can say whether it has been sent. Milliseconds. */
const NAMED_FOR = 23 * 3600_000;

/** Sends messages, those of a room one behind the other, and tries again until the server has taken or refused them. */
export class Outbox {
  private readonly entries = new Map<string, OutboxEntry>();
  private readonly problems = new Map<string, Problem>();
  private readonly senders = new Map<string, Pause>();
  private readonly names = new Set<string>();
  private readonly ended = new AbortController();
  private order = 0;
  private readonly now: () => number;
  /** Done when what was kept is there. */
  readonly loaded: Promise<void>;

  constructor(private readonly parts: OutboxParts) {
    this.now = parts.now ?? Date.now;
    this.loaded = this.load();
  }

  /** Messages of a room that are not sent yet, in their order. */
  of(room: string): { entry: OutboxEntry; problem?: Problem }[] {
    return this.ofRoom(room).map((entry) => {
      const { failed } = entry;
      const problem = failed ? new Problem(failed.code, failed.status, failed.message, failed.traceId) : this.problems.get(entry.clientMsgId);
      return { entry, ...(problem && { problem }) };
    });
  }

  /** Whether a name was given here. */
  named(clientMsgId: string): boolean {
    return this.names.has(clientMsgId);
  }

  add(request: Omit<SendRequest, "clientMsgId">): OutboxEntry {
    const clientMsgId = crypto.randomUUID();
    const entry: OutboxEntry = {
      clientMsgId,
      order: ++this.order,
      request: { ...request, clientMsgId },
      createdAt: new Date(this.now()).toISOString(),
    };
    this.names.add(clientMsgId);
    this.keep(entry);
    this.work(request.chatRoomId);
    return entry;
  }

  /** Tries again what has failed. */
  retry(clientMsgId: string): void {
    const entry = this.entries.get(clientMsgId);
    if (!entry?.failed) return;
    const { failed: _, ...again } = entry;
    // The app has seen that it failed and wants it sent: of one whose name is forgotten that counts as the first time.
    if (this.tooOld(again)) delete again.triedAt;
    this.keep(again);
    this.work(entry.request.chatRoomId);
  }

  /** Gives up what has failed. */
  discard(clientMsgId: string): void {
    const entry = this.entries.get(clientMsgId);
    if (entry?.failed) this.drop(entry);
  }

  wake(): void {
    for (const pause of this.senders.values()) pause.wake();
  }

  close(): void {
    this.ended.abort();
  }

  private async load(): Promise<void> {
    if (!this.parts.storage) return;
    try {
      const kept = await this.parts.storage.load();
      const highest = kept.reduce((max, { order, clientMsgId }) => (this.entries.has(clientMsgId) ? max : Math.max(max, order)), 0);
      // What was written while this was loading comes behind what was there before.
      for (const entry of this.entries.values()) this.keep({ ...entry, order: entry.order + highest });
      this.order += highest;
      for (const entry of kept) {
        if (this.entries.has(entry.clientMsgId)) continue; // written here, and read back
        this.entries.set(entry.clientMsgId, entry);
        this.names.add(entry.clientMsgId);
      }
    } catch (thrown) {
      this.parts.storageFailed(problemOf(thrown));
    }
    for (const room of new Set([...this.entries.values()].map(({ request }) => request.chatRoomId))) {
      this.parts.changed(room);
      this.work(room);
    }
  }

  private ofRoom(room: string): OutboxEntry[] {
    return [...this.entries.values()]
      .filter(({ request }) => request.chatRoomId === room)
      .sort((a, b) => a.order - b.order || (a.clientMsgId < b.clientMsgId ? -1 : 1));
  }

  private keep(entry: OutboxEntry): void {
    this.entries.set(entry.clientMsgId, entry);
    this.store((storage) => storage.put(entry));
    this.parts.changed(entry.request.chatRoomId);
  }

  private drop(entry: OutboxEntry): void {
    this.entries.delete(entry.clientMsgId);
    this.problems.delete(entry.clientMsgId);
    this.store((storage) => storage.remove(entry.clientMsgId));
    this.parts.changed(entry.request.chatRoomId);
  }

  private store(write: (storage: OutboxStorage) => Promise<void>): void {
    if (this.parts.storage) write(this.parts.storage).catch((thrown: unknown) => this.parts.storageFailed(problemOf(thrown)));
  }

  private tooOld(entry: OutboxEntry): boolean {
    return entry.triedAt !== undefined && Math.abs(this.now() - entry.triedAt) > NAMED_FOR;
  }

  private work(room: string): void {
    if (this.senders.has(room) || this.ended.signal.aborted) return;
    const pause = new Pause(this.parts.random);
    this.senders.set(room, pause);
    void this.sendAll(room, pause).finally(() => {
      this.senders.delete(room);
      if (this.ofRoom(room).some(({ failed }) => !failed)) this.work(room);
    });
  }

  private async sendAll(room: string, pause: Pause): Promise<void> {
    await this.loadedFirst();
    while (!this.ended.signal.aborted) {
      const entry = this.ofRoom(room).find(({ failed }) => !failed);
      if (!entry) return;
      if (this.tooOld(entry)) {
        this.fail(entry, new Problem("outcome-unknown", 0, "it was tried more than a day ago: look whether it is in the room before it is sent again"));
        continue;
      }
      if (entry.triedAt === undefined) {
        entry.triedAt = this.now();
        this.store((storage) => storage.put(entry));
      }
      try {
        const message = await this.parts.send(entry, this.ended.signal);
        pause.reset();
        this.entries.delete(entry.clientMsgId); // first: so there is never both
        this.parts.sent(message, entry);
        this.drop(entry);
      } catch (thrown) {
        const problem = problemOf(thrown);
        if (problem.code === "aborted") return;
        if (!problem.temporary) {
          this.fail(entry, problem);
          continue;
        }
        this.problems.set(entry.clientMsgId, problem);
        this.parts.changed(room);
        await pause.failed(problem, this.ended.signal);
      }
    }
  }

  /** What waits from before is sent before what is new. */
  private async loadedFirst(): Promise<void> {
    await Promise.resolve(); // `loaded` is set once the constructor is done
    await this.loaded;
  }

  private fail(entry: OutboxEntry, { code, status, message, traceId }: Problem): void {
    this.keep({ ...entry, failed: { code, status, message, traceId } });
  }
}
