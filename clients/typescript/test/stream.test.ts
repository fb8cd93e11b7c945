import assert from "node:assert/strict";
import { test } from "node:test";
import { Requests } from "../src/request.js";
import { LiveStream, type StreamOptions } from "../src/stream.js";
import { Tokens } from "../src/token.js";
import { browserSurroundings, type Surroundings } from "../src/wake.js";
import { sleep, until } from "./ism.js";

/** Writes a stream's body by hand. */
class Body {
  private controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly stream = new ReadableStream<Uint8Array>({ start: (controller) => void (this.controller = controller) });
  write(text: string): void {
    this.controller.enqueue(new TextEncoder().encode(text));
  }
  end(): void {
    this.controller.close();
  }
  cut(): void {
    this.controller.error(new TypeError("terminated"));
  }
}

const eventStream = (body: Body) => new Response(body.stream, { status: 200, headers: { "Content-Type": "text/event-stream" } });
const message = (n: number) => `id: i${n}\ndata: ${JSON.stringify({ type: "ChatMessage", n })}\n\n`;

/** A stream whose connections are answered by hand, without waits between them. */
function streamOn(answers: ((request: { url: string; headers: Headers; signal: AbortSignal }) => Response | Promise<Response>)[], options: Partial<StreamOptions> = {}) {
  const requests: { url: string; lastEventId: string | null }[] = [];
  const events: Record<string, unknown>[] = [];
  let resyncs = 0;
  let wake: (why: "online" | "visible" | "restored") => void = () => {};
  let hide = () => {};
  let offline = () => {};
  const surroundings: Surroundings = {
    onWake: (listener) => {
      const before = wake;
      wake = (why) => (before(why), listener(why));
      return () => {};
    },
    onHidden: (listener) => ((hide = listener), () => {}),
    onOffline: (listener) => ((offline = listener), () => {}),
  };
  let asked = 0;
  const fetch = (async (url: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    requests.push({ url, lastEventId: headers.get("Last-Event-ID") });
    const answer = answers[Math.min(requests.length, answers.length) - 1]!;
    return answer({ url, headers, signal: init.signal! });
  }) as typeof globalThis.fetch;
  const tokens = new Tokens(() => `token ${++asked}`);
  const http = new Requests("http://ism", tokens, fetch);
  const stream = new LiveStream({
    open: (path, request) => http.open("GET", path, request),
    call: (method, path, request) => http.call(method, path, request),
    renewToken: () => tokens.renewNext(),
    event: (event) => events.push(event as Record<string, unknown>),
    resync: () => resyncs++,
    surroundings,
    hidden: "keep",
    random: () => 0,
    ...options,
  });
  stream.start();
  return { stream, requests, events, resyncs: () => resyncs, asked: () => asked, wake: (why: "online" | "visible" | "restored") => wake(why), hide: () => hide(), offline: () => offline(), status: () => stream.state.getSnapshot() };
}

const hanging = ({ signal }: { signal: AbortSignal }) => new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

test("a stream that is cut goes on behind the last whole block, and half an event never counts", async () => {
  const [one, two] = [new Body(), new Body()];
  const on = streamOn([() => eventStream(one), () => eventStream(two), hanging]);
  one.write(`id: i0\n\n${message(1)}id: i2\ndata: {"type":"ChatMessage","n":2}\n`);
  await until("live", () => on.events.length === 1);
  one.cut();
  await until("a second request", () => on.requests.length === 2);
  assert.deepEqual(on.requests.map(({ lastEventId }) => lastEventId), [null, "i1"]);
  two.write(message(2));
  two.write(":\nid: i9\n\n"); // an id without an event: an idle stream moves on
  await until("the second event", () => on.events.length === 2 && on.status().status === "live");
  two.end();
  await until("a third request", () => on.requests.length === 3);
  assert.equal(on.requests[2]?.lastEventId, "i9");
  assert.deepEqual(on.events.map(({ n }) => n), [1, 2]);
  assert.equal(on.resyncs(), 1, "once, as it began without an id");
  on.stream.close();
});

const rubbish: Record<string, () => Response> = {
  "a login page": () => new Response("<html>sign in</html>", { headers: { "Content-Type": "text/html" } }),
  "a 204": () => new Response(null, { status: 204 }),
  "a redirect": () => new Response(null, { status: 302, headers: { Location: "https://login.example" } }),
  "JSON": () => Response.json({ hello: 1 }),
  "a body of 10 MB": () => new Response("x".repeat(10 << 20), { headers: { "Content-Type": "text/event-stream" } }),
  "10 MB of HTML and 502": () => new Response("<p>".repeat(3 << 20), { status: 502, headers: { "Content-Type": "text/html" } }),
};
for (const [what, answer] of Object.entries(rubbish)) {
  test(`${what} is survived, and told`, async () => {
    const body = new Body();
    const on = streamOn([answer, () => eventStream(body), hanging]);
    await until("it is told", () => on.status().problem);
    assert.equal(on.status().status, "reconnecting");
    body.write("id: i0\n\n");
    await until("live", () => on.status().status === "live");
    assert.equal(on.status().problem, undefined);
    assert.equal(on.events.length, 0);
    on.stream.close();
  });
}

test("events that are no JSON, have no type or cannot be applied cost a resync, types from the future nothing", async () => {
  const body = new Body();
  const seen: unknown[] = [];
  const on = streamOn([() => eventStream(body), hanging], {
    event: (event) => {
      if ((event as { bad?: true }).bad) throw new TypeError("no message");
      seen.push(event);
    },
  });
  body.write('id: 0\n\nid: 1\ndata: {"type":"FromTheFuture"}\n\n');
  await until("the event", () => seen.length === 1);
  assert.equal(on.resyncs(), 1);
  body.write('id: 2\ndata: {"type":"ChatMess\n\nid: 3\ndata: null\n\nid: 4\ndata: {"type":"ChatMessage","bad":true}\n\n');
  await until("resyncs", () => on.resyncs() === 4);
  assert.equal(on.status().status, "live");
  on.stream.close();
});

test("retry and Retry-After are obeyed, and a wake ends the wait", async () => {
  const one = new Body();
  const refusal = () => Response.json({ code: "draining" }, { status: 503, headers: { "Content-Type": "application/problem+json", "Retry-After": "3600" } });
  const on = streamOn([() => eventStream(one), refusal, () => eventStream(new Body()), hanging]);
  one.write("retry: 300\nid: 0\n\n");
  await until("live", () => on.status().status === "live");
  const began = performance.now();
  one.end();
  await until("the second request", () => on.requests.length === 2);
  assert.ok(performance.now() - began >= 290, "it has waited as it was told");
  await until("it is told", () => on.status().problem?.code === "draining");
  assert.equal(on.status().problem?.retryAfter, 3600);
  on.wake("online");
  await until("the third request", () => on.requests.length === 3, 1_000);
  on.stream.close();
});

test("a silent connection is given up when the page wakes", async () => {
  const one = new Body();
  let now = 0;
  const on = streamOn([() => eventStream(one), hanging], { now: () => now });
  one.write("id: 0\n\n");
  await until("live", () => on.status().status === "live");
  on.wake("visible");
  await sleep(20);
  assert.equal(on.requests.length, 1, "it has just been heard of");
  now = 20_000;
  on.wake("visible");
  await until("a second request", () => on.requests.length === 2);
  assert.equal(on.requests[1]?.lastEventId, "0");
  on.stream.close();
});

test("a silent stream is given up by the watchdog", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const one = new Body();
  const on = streamOn([() => eventStream(one), hanging]);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  one.write("id: 0\n\n");
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(on.status().status, "live");
  for (const [ms, text] of [[15_000, ":\n\n"], [30_000, ":\n\n"]] as const) {
    context.mock.timers.tick(ms);
    one.write(text);
    for (let i = 0; i < 20; i++) await turn();
  }
  assert.equal(on.requests.length, 1);
  context.mock.timers.tick(45_000);
  for (let i = 0; i < 20; i++) await turn();
  context.mock.timers.tick(1);
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(on.requests.length, 2);
  on.stream.close();
});

test("where streams do not pass it polls, from where it was, and nothing is lost between", async () => {
  const polls = [
    { lastEventId: "p1", events: [] },
    { lastEventId: "p3", events: [{ id: "p2", data: { type: "ChatMessage", n: 1 } }, { id: "p3", data: { type: "ChatMessage", n: 2 } }] },
  ];
  const html = rubbish["a login page"]!;
  const poll: typeof hanging = async (request) => (polls.length > 0 ? Response.json(polls.shift()) : hanging(request));
  const on = streamOn([html, html, poll, poll, poll]);
  await until("the events", () => on.events.length === 2);
  assert.deepEqual(on.status(), { status: "live", polling: true });
  assert.deepEqual(on.requests.map(({ url, lastEventId }) => [new URL(url).pathname, lastEventId]), [["/api/sse", null], ["/api/sse", null], ["/api/poll", null], ["/api/poll", "p1"], ["/api/poll", "p3"]]);
  assert.equal(on.resyncs(), 1);
  on.stream.close();
});

test("a stream whose token has expired comes back at once with another one; one that was replaced does not", async () => {
  const [one, two] = [new Body(), new Body()];
  const on = streamOn([() => eventStream(one), () => eventStream(two), hanging]);
  one.write('retry: 60000\nid: 0\n\nid: 1\ndata: {"type":"StreamEnded","reason":"expired"}\n\n');
  await until("the second request", () => on.requests.length === 2, 1_000);
  assert.equal(on.asked(), 2);
  two.write('id: 2\ndata: {"type":"StreamEnded","reason":"replaced"}\n\n');
  await until("replaced", () => on.status().status === "replaced");
  await sleep(20);
  assert.equal(on.requests.length, 2);
  on.stream.start();
  await until("it is taken back", () => on.requests.length === 3);
  assert.equal(on.requests[2]?.lastEventId, "2");
  on.stream.close();
});

test("a hidden page parks its stream if it is to, and goes on where it was", async () => {
  const [one, two] = [new Body(), new Body()];
  const on = streamOn([() => eventStream(one), () => eventStream(two), hanging], { hidden: 10 });
  one.write("id: 7\n\n");
  await until("live", () => on.status().status === "live");
  on.hide();
  await until("parked", () => on.status().status === "parked");
  await sleep(30);
  assert.equal(on.requests.length, 1);
  on.wake("visible");
  await until("a request", () => on.requests.length === 2);
  assert.equal(on.requests[1]?.lastEventId, "7");
  on.stream.close();
});

test("a stream is not live any more as soon as the browser says that it is offline, and is tried again at once when it is online", async () => {
  const [one, two] = [new Body(), new Body()];
  const refused = () => Promise.reject(new TypeError("no network"));
  const on = streamOn([() => eventStream(one), refused, refused, hanging, () => eventStream(two), hanging], { random: () => 1 });
  one.write("retry: 10\nid: 7\n\n");
  await until("live", () => on.status().status === "live");
  on.offline();
  assert.deepEqual([on.status().status, on.status().problem?.code], ["reconnecting", "offline"], "at once");
  await until("it is tried all the same: the server may be on this machine", () => on.requests.length === 4);
  on.wake("online"); // the try that is under way was begun without a network, and may hang for long
  await until("another try", () => on.requests.length === 5, 400);
  two.write("id: 8\n\n");
  await until("live", () => on.status().status === "live");
  assert.deepEqual(on.requests.slice(1).map(({ lastEventId }) => lastEventId), ["7", "7", "7", "7"]);
  on.offline();
  on.stream.close();
  on.offline();
  assert.equal(on.status().status, "closed");
});

test("a browser's events are told, until nobody listens", () => {
  const [page, document] = [new EventTarget(), Object.assign(new EventTarget(), { visibilityState: "visible" })];
  const surroundings = browserSurroundings(page, document);
  const told: string[] = [];
  const ends = [surroundings.onWake((why) => told.push(why)), surroundings.onOffline!(() => told.push("offline")), surroundings.onHidden(() => told.push("hidden"))];
  const happens = () => {
    page.dispatchEvent(new Event("offline"));
    page.dispatchEvent(new Event("online"));
    page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
    page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    for (const visibilityState of ["hidden", "visible"]) Object.assign(document, { visibilityState }).dispatchEvent(new Event("visibilitychange"));
  };
  happens();
  assert.deepEqual(told, ["offline", "online", "restored", "hidden", "visible"]);
  ends.forEach((end) => end());
  happens();
  assert.equal(told.length, 5);
});
