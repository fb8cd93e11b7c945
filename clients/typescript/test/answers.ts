export interface Request {
  method: string;
  url: URL;
  /** Method and path, without what is asked for. */
  name: string;
  headers: Headers;
  /** The body, if it is JSON. */
  body: never;
  raw: BodyInit | null;
  signal: AbortSignal | null;
}

/** A fetch whose answers a function gives; it keeps what was asked. */
export function answering(answer: (request: Request) => Response | Promise<Response>) {
  const asked: Request[] = [];
  const fetch = (async (input: string, init: RequestInit = {}) => {
    const url = new URL(input);
    const method = init.method ?? "GET";
    const raw = init.body ?? null;
    const request: Request = { method, url, name: `${method} ${url.pathname}`, headers: new Headers(init.headers), body: (typeof raw === "string" ? JSON.parse(raw) : undefined) as never, raw, signal: init.signal ?? null };
    asked.push(request);
    init.signal?.throwIfAborted();
    return answer(request);
  }) as typeof globalThis.fetch;
  return { fetch, asked, names: () => asked.map(({ name }) => name) };
}

/** An event stream that a test writes. */
export class EventStream {
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  private written = 0;

  answer({ signal }: Pick<Request, "signal">): Response {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.controller = controller) });
    signal?.addEventListener("abort", () => this.cut());
    const response = new Response(body, { headers: { "Content-Type": "text/event-stream" } });
    this.write("");
    return response;
  }

  write(text: string): void {
    this.controller?.enqueue(new TextEncoder().encode(`id: i${++this.written}\n${text}\n`));
  }

  event(event: object): void {
    this.write(`data: ${JSON.stringify(event)}\n`);
  }

  cut(): void {
    const { controller } = this;
    this.controller = undefined;
    controller?.error(new TypeError("terminated"));
  }
}
