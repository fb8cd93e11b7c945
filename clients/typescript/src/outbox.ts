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
  /** Where several tabs have one storage: does something for a room while no other tab does, or once the signal is aborted rejects. */
  exclusive?(room: string, act: () => Promise<void>, signal: AbortSignal): Promise<unknown>;
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
/** For how long a tab sends what waits in a room before another one has its turn, milliseconds. */
const TURN = 5_000;
/** For how long a tab waits for its turn: longer than a turn and a request take. Behind that another tab is hung. */
const PATIENCE = 60_000;

/** Sends messages, those of a room one behind the other, and tries again until the server has taken or refused them. */
export class Outbox {
  private readonly entries = new Map<string, OutboxEntry>();
  private readonly problems = new Map<string, Problem>();
  private readonly senders = new Map<string, Pause>();
  private readonly names = new Set<string>();
  /** Names of what was in the storage. */
  private readonly stored = new Set<string>();
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
      order: (this.order = Math.max(this.order + 1, this.now())), // by the clock, which other tabs have too
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

  /** Tries at once what waits; also what a tab has written that was closed since. */
  wake(): void {
    for (const pause of this.senders.values()) pause.wake();
    const { storage } = this.parts;
    if (storage?.exclusive) void this.looked(storage.load().then((kept) => this.take(kept)));
  }

  close(): void {
    this.ended.abort();
  }

  private async load(): Promise<void> {
    const { storage } = this.parts;
    if (storage) await this.looked(storage.load().then((kept) => this.adopt(kept)));
  }

  /** Takes what was kept when the page was opened. */
  private adopt(kept: readonly OutboxEntry[]): void {
    const here = [...this.entries.values()];
    this.take(kept);
    // What was written while this was loading comes behind what was there before, also where the clock was put back.
    const before = kept.reduce((max, { order, clientMsgId }) => (here.some((entry) => entry.clientMsgId === clientMsgId) ? max : Math.max(max, order)), 0);
    let last = before;
    for (const entry of here) {
      const order = Math.max(entry.order, last + 1);
      if (order > entry.order) this.keep({ ...entry, order });
      last = order;
    }
    this.order = Math.max(this.order, last);
  }

  /** Sends what is there behind a look into the storage. */
  private async looked(look: Promise<void>): Promise<void> {
    try {
      await look;
    } catch (thrown) {
      this.parts.storageFailed(problemOf(thrown));
    }
    for (const room of new Set([...this.entries.values()].map(({ request }) => request.chatRoomId))) {
      this.parts.changed(room);
      this.work(room);
    }
  }

  /** Takes what is in the storage: what another tab has written, and what it knows of what is here. */
  private take(kept: readonly OutboxEntry[]): void {
    for (const entry of kept) {
      const { clientMsgId, triedAt } = entry;
      this.order = Math.max(this.order, entry.order);
      this.stored.add(clientMsgId);
      const here = this.entries.get(clientMsgId);
      if (!here && !this.names.has(clientMsgId)) {
        this.entries.set(clientMsgId, entry);
        this.names.add(clientMsgId);
      } else if (here && triedAt !== undefined) here.triedAt ??= triedAt;
    }
  }

  private ofRoom(room: string): OutboxEntry[] {
    return [...this.entries.values()]
      .filter(({ request }) => request.chatRoomId === room)
      .sort((a, b) => a.order - b.order || (a.clientMsgId < b.clientMsgId ? -1 : 1));
  }

  private keep(entry: OutboxEntry): void {
    this.entries.set(entry.clientMsgId, entry);
    this.store(async (storage) => {
      await storage.put(entry);
      this.stored.add(entry.clientMsgId);
    });
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
    const { signal } = this.ended;
    while (!signal.aborted && this.next(room)) {
      let problem: Problem | undefined;
      await this.alone(room, async () => {
        problem = await this.turn(room, pause, await this.see(room));
      });
      if (problem) await pause.failed(problem, signal);
    }
  }

  private next(room: string): OutboxEntry | undefined {
    return this.ofRoom(room).find(({ failed }) => !failed);
  }

  /** Does something while no other tab sends in the room, as far as they can be known. */
  private async alone(room: string, act: () => Promise<void>): Promise<void> {
    const { storage } = this.parts;
    if (!storage?.exclusive) return act();
    const waiting = new AbortController();
    const end = () => waiting.abort();
    const timer = setTimeout(end, PATIENCE);
    this.ended.signal.addEventListener("abort", end);
    let began = false;
    const once = () => {
      began = true;
      clearTimeout(timer);
      return act();
    };
    try {
      await storage.exclusive(room, once, waiting.signal);
    } catch {
      if (!began && !this.ended.signal.aborted) await act(); // locks are forbidden here, or another tab is hung: what is written must be sent
    } finally {
      clearTimeout(timer);
      this.ended.signal.removeEventListener("abort", end);
    }
  }

  /** Looks what other tabs have done. Gives up to which order all messages of the room are known. */
  private async see(room: string): Promise<number> {
    const { order } = this;
    const { storage } = this.parts;
    if (!storage?.exclusive) return Infinity;
    const was = new Set(this.stored); // what is stored meanwhile may be missing in the answer
    try {
      const kept = await storage.load();
      const there = new Set(kept.map(({ clientMsgId }) => clientMsgId));
      this.take(kept.filter(({ request }) => request.chatRoomId === room));
      for (const entry of this.ofRoom(room)) {
        // Another tab has sent it, nobody knows when. Within a day it is asked for the answer again, as its name is known.
        if (was.has(entry.clientMsgId) && !there.has(entry.clientMsgId)) entry.triedAt ??= Date.parse(entry.createdAt);
      }
      this.parts.changed(room);
    } catch (thrown) {
      this.parts.storageFailed(problemOf(thrown));
    }
    return order;
  }

  /** Sends what waits in the room up to an order, as long as it is this tab's turn. Gives why it has to be tried again. */
  private async turn(room: string, pause: Pause, upTo: number): Promise<Problem | undefined> {
    const until = this.now() + TURN;
    while (!this.ended.signal.aborted && this.now() < until) {
      const entry = this.next(room);
      if (!entry || entry.order > upTo) return undefined;
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
        if (this.ended.signal.aborted) return undefined;
        if (!problem.temporary) {
          this.fail(entry, problem);
          continue;
        }
        this.problems.set(entry.clientMsgId, problem);
        this.parts.changed(room);
        return problem;
      }
    }
    return undefined;
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
