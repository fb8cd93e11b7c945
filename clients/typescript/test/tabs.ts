import type { Channel, Lifecycle, Locks } from "../src/shared.js";

/** Runs something later; a test says when, and in which order. */
export type Schedule = (what: string, act: () => void) => void;

/** Web Locks of one origin: exclusive ones, granted in the order of requests, asynchronously (Web Locks API, section 3). */
export class ModelLocks {
  private readonly queues = new Map<string, { granted: () => Promise<void>; settle: (thrown?: unknown) => void; held: boolean }[]>();

  constructor(private readonly schedule: Schedule) {}

  /** The locks as a tab sees them; `end()` is the end of the tab: it holds nothing then, and asks for nothing. */
  tab(): Locks & { end(): void } {
    let ended = false;
    const ends = new Set<() => void>();
    return {
      request: (name, { signal }, callback) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return reject(signal.reason as Error);
          const queue = this.queues.get(name) ?? [];
          this.queues.set(name, queue);
          const leave = () => {
            if (!queue.includes(request)) return;
            queue.splice(queue.indexOf(request), 1);
            this.grant(name);
          };
          const request = {
            held: false,
            granted: async () => {
              if (!ended) await callback();
            },
            settle: (thrown?: unknown) => {
              leave();
              if (thrown) reject(thrown as Error);
              else resolve(undefined);
            },
          };
          ends.add(leave);
          signal.addEventListener("abort", () => {
            if (!request.held) request.settle(signal.reason);
          });
          queue.push(request);
          this.grant(name);
        }),
      end: () => {
        ended = true;
        ends.forEach((end) => end());
      },
    };
  }

  private grant(name: string): void {
    this.schedule("a lock", () => {
      const next = this.queues.get(name)?.[0];
      if (!next || next.held) return;
      next.held = true;
      next.granted().then(() => next.settle(), next.settle);
    });
  }
}

/** BroadcastChannels of one origin: what one tab says comes to each other one in its order; who speaks first is not heard first. */
export class ModelChannels {
  private readonly open = new Map<string, Set<Receiver>>();

  constructor(private readonly schedule: Schedule) {}

  channel(name: string): Channel {
    const there = this.open.get(name) ?? new Set();
    this.open.set(name, there);
    const own: Receiver = {
      onmessage: null,
      postMessage: (message) => {
        if (!there.has(own)) throw new DOMException("the channel is closed", "InvalidStateError");
        const text = JSON.stringify(message);
        for (const other of there) {
          if (other === own) continue;
          const queue = other.from.get(own) ?? [];
          other.from.set(own, queue);
          queue.push(text);
          this.schedule("a message", () => {
            const next = queue.shift() as string;
            if (there.has(other)) other.onmessage?.({ data: JSON.parse(next) as unknown });
          });
        }
      },
      close: () => there.delete(own),
      from: new Map(),
    };
    there.add(own);
    return own;
  }
}

interface Receiver extends Channel {
  from: Map<Channel, string[]>;
}

/** A page whose life a test makes. */
export class ModelPage implements Lifecycle {
  private readonly suspends = new Set<() => void>();
  private readonly resumes = new Set<() => void>();

  onSuspend(listener: () => void): () => void {
    this.suspends.add(listener);
    return () => this.suspends.delete(listener);
  }

  onResume(listener: () => void): () => void {
    this.resumes.add(listener);
    return () => this.resumes.delete(listener);
  }

  freeze(): void {
    this.suspends.forEach((each) => each());
  }

  resume(): void {
    this.resumes.forEach((each) => each());
  }
}

/** The stream of one user: it resumes behind an id, and says Resync where it does not know it. What each connection calls an event differs, as two nodes may. */
export class ModelServer {
  readonly events: string[] = [];
  /** Streams that are open. */
  readonly streams = new Set<Stream>();
  readonly opened: (string | null)[] = [];
  most = 0;
  private nodes = 0;

  constructor(private readonly ids: "of the event" | "of the node" = "of the event") {}

  fetch = async (_url: unknown, init: RequestInit = {}): Promise<Response> => {
    const last = new Headers(init.headers).get("Last-Event-ID");
    const { signal } = init;
    if (signal?.aborted) throw signal.reason;
    this.opened.push(last);
    const node = this.ids === "of the node" ? ++this.nodes : 0;
    let at = last === null ? this.events.length : Number(last.split("_")[0]);
    const stream: Stream = {
      send: () => {
        for (; at < this.events.length; at++) write(`id: ${at + 1}_${node}\ndata: ${this.events[at]}\n\n`);
      },
      cut: () => {
        if (this.streams.delete(stream)) controller.error(new TypeError("terminated"));
      },
    };
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given), cancel: () => void this.streams.delete(stream) });
    const write = (text: string) => controller.enqueue(new TextEncoder().encode(text));
    signal?.addEventListener("abort", () => stream.cut());
    this.streams.add(stream);
    this.most = Math.max(this.most, this.streams.size);
    write(`id: ${at}_${node}\n\n`);
    stream.send();
    return new Response(body, { status: 200, headers: { "Content-Type": "text/event-stream" } });
  };

  happens(event: object): void {
    this.events.push(JSON.stringify(event));
    this.streams.forEach((stream) => stream.send());
  }

  cut(): void {
    [...this.streams].forEach((stream) => stream.cut());
  }
}

interface Stream {
  send(): void;
  cut(): void;
}
