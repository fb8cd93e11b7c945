import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Problem } from "../src/problem.js";
import { shared, type Channel, type Locks, type SharedOptions } from "../src/shared.js";
import type { Stream } from "../src/stream.js";
import { sleep, until } from "./ism.js";
import { ModelChannels, ModelLocks, ModelPage, ModelServer, type Schedule } from "./tabs.js";

const soon: Schedule = (_, act) => setImmediate(act);

/** A browser with tabs of one user, at one server. */
class Browser {
  readonly server: ModelServer;
  readonly tabs: Tab[] = [];
  readonly locks: ModelLocks;
  private readonly channels: ModelChannels;
  open: (name: string) => Channel;

  constructor(schedule: Schedule = soon, ids?: "of the event" | "of the node") {
    this.server = new ModelServer(ids);
    this.locks = new ModelLocks(schedule);
    this.channels = new ModelChannels(schedule);
    this.open = (name) => this.channels.channel(name);
  }

  tab(options: TabOptions = {}): Tab {
    const tab = new Tab(this, options);
    this.tabs.push(tab);
    return tab;
  }

  end(): void {
    this.tabs.forEach((tab) => tab.stream.close());
  }
}

interface TabOptions extends SharedOptions {
  user?: string;
  identity?: () => Promise<string | undefined>;
  hidden?: "keep" | number;
}

class Tab {
  /** What has been given, by its number; a Resync takes in what REST would tell, all that has happened. */
  readonly given: number[] = [];
  shown = new Set<number>();
  resyncs = 0;
  readonly stream: Stream;
  readonly page = new ModelPage();
  private readonly wakes = new Set<() => void>();
  private readonly hides = new Set<() => void>();
  hung = false;
  private readonly locks: Locks & { end(): void };
  private channel: Channel | undefined;

  constructor(browser: Browser, { user = "alice", identity, hidden = "keep", ...options }: TabOptions) {
    this.locks = browser.locks.tab();
    this.stream = shared({
      locks: this.locks, lifecycle: this.page, patience: 5_000,
      channel: (name) => {
        const channel = browser.open(name);
        const inner: Channel = (this.channel = {
          onmessage: null,
          postMessage: (message) => !this.hung && channel.postMessage(message),
          close: () => channel.close(),
        });
        channel.onmessage = (event) => !this.hung && inner.onmessage?.(event);
        return inner;
      },
      ...options,
    })(
      {
        open: async (_, request) => browser.server.fetch("", { headers: request.headers ?? {}, signal: request.signal ?? null }),
        call: () => Promise.reject(new Problem("unexpected", 0, "no poll")),
        renewToken: () => {},
        event: (event) => {
          const { n } = event as { n?: number };
          if (n === undefined) return;
          this.given.push(n);
          this.shown.add(n);
        },
        resync: () => {
          this.resyncs++;
          this.shown = new Set(browser.server.events.map((text) => (JSON.parse(text) as { n: number }).n));
        },
        surroundings: { onWake: (listener) => heard(this.wakes, () => listener("visible")), onHidden: (listener) => heard(this.hides, listener) },
        hidden, random: () => 0,
      },
      identity ?? (async () => user),
    );
    this.stream.start();
  }

  wake(): void {
    this.wakes.forEach((each) => each());
  }

  hide(): void {
    this.hides.forEach((each) => each());
  }

  get status() {
    return this.stream.state.getSnapshot();
  }

  /** As a browser ends a tab: none of its code runs. */
  kill(): void {
    this.channel?.close();
    this.locks.end();
  }
}

function heard(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
const happen = (browser: Browser) => browser.server.happens({ type: "ChatMessage", n: browser.server.events.length });
/** Waits until something is so that no timer has to come for: it counts turns of the event loop, of which there are far more in a second, not time. */
async function atOnce(what: string, is: () => boolean): Promise<void> {
  for (let turns = 0; !is(); turns++) {
    if (turns === 2_000) throw new Error(`not at once: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const live = (...tabs: Tab[]) => until("all are live", () => tabs.every(({ status }) => status.status === "live"));

test("six tabs have one stream, and all see what happens, in order; when its holder closes the next one takes over at once", async () => {
  const browser = new Browser();
  browser.open = (name) => new BroadcastChannel(name) as unknown as Channel; // the real one
  const tabs = numbers(6).map(() => browser.tab());
  await live(...tabs);
  assert.equal(browser.server.most, 1);
  for (let i = 0; i < 20; i++) happen(browser);
  await until("all have it", () => tabs.every(({ given }) => given.length === 20));
  for (const [i, tab] of tabs.entries()) {
    tab.stream.close();
    happen(browser); // while nobody listens
    const rest = tabs.slice(i + 1);
    if (rest.length === 0) break;
    await atOnce("the next one has it", () => browser.server.streams.size === 1 && rest.every(({ given }) => given.length === 21 + i));
  }
  assert.equal(browser.server.most, 1);
  assert.deepEqual(tabs.map(({ given }) => given), tabs.map((_, i) => numbers(20 + i)));
  assert.deepEqual(tabs.map(({ resyncs }) => resyncs), tabs.map(() => 1));
  assert.deepEqual(browser.server.opened.slice(1).map((id) => id !== null), numbers(5).map(() => true), "each goes on behind what it had");
});

test("a tab that is killed, or frozen, gives the stream up; a frozen one catches up without asking the server", async () => {
  const browser = new Browser();
  const [a, b, c] = [browser.tab(), browser.tab(), browser.tab()];
  await live(a, b, c);
  a.page.freeze();
  assert.equal(a.status.status, "parked");
  await until("b has the stream", () => browser.server.opened.length === 2);
  await live(b, c);
  for (let i = 0; i < 10; i++) happen(browser);
  await until("b and c have it", () => b.given.length === 10 && c.given.length === 10);
  assert.equal(a.given.length, 0);
  a.page.resume();
  await until("a has it", () => a.given.length === 10);
  await live(a);
  assert.deepEqual([a.resyncs, browser.server.opened.length, browser.server.most], [1, 2, 1]);
  browser.end();
});

test("who comes late begins with what is now, as on a stream of its own; who was away too long is told to load anew", async () => {
  const browser = new Browser();
  const [a, b] = [browser.tab(), browser.tab()];
  await live(a, b);
  b.page.freeze();
  for (let i = 0; i < 600; i++) happen(browser);
  await until("a has it", () => a.given.length === 600);
  const late = browser.tab();
  await live(late);
  assert.deepEqual([late.resyncs, late.given.length, late.shown.size], [1, 0, 600]);
  b.page.resume();
  await live(b);
  assert.deepEqual([b.resyncs, b.given.length, b.shown.size], [2, 0, 600]);
  happen(browser);
  await until("all have it", () => [b, late].every(({ given }) => given.length === 1));
  browser.end();
});

test("a follower that is ahead of the next holder is given nothing twice, also where a node calls events otherwise", async () => {
  for (const ids of ["of the event", "of the node"] as const) {
    const browser = new Browser(soon, ids);
    const [a, b, c] = [browser.tab(), browser.tab(), browser.tab()];
    await live(a, b, c);
    b.hung = true; // the next holder hears what is said too late
    happen(browser);
    happen(browser);
    await until("c has it", () => c.given.length === 2);
    a.stream.close();
    b.hung = false;
    await until("b has it", () => b.given.length === 2);
    happen(browser);
    await until("all have it", () => [b, c].every(({ given }) => given.length === 3));
    assert.deepEqual([b.given, c.given, b.resyncs, c.resyncs], [numbers(3), numbers(3), 1, 1], ids);
    browser.end();
  }
});

test("a holder that answers nobody does not stop others for long; when it goes on there is one stream again", async () => {
  const browser = new Browser();
  const [a, b] = [browser.tab(), browser.tab({ patience: 30 })];
  await live(a, b);
  a.hung = true;
  happen(browser);
  b.wake();
  await until("b has a stream of its own", () => b.given.length === 1);
  assert.equal(browser.server.streams.size, 2);
  a.hung = false;
  happen(browser);
  await until("there is one again", () => browser.server.streams.size === 1);
  happen(browser);
  await until("both have all", () => [a, b].every(({ given }) => given.length === 3));
  assert.deepEqual([a.given, b.given, b.resyncs], [numbers(3), numbers(3), 1]);
  browser.end();
});

test("what becomes of the connection is told to all, and whoever wakes has the holder try again", async () => {
  const browser = new Browser();
  const [a, b] = [browser.tab(), browser.tab()];
  await live(a, b);
  const { fetch } = browser.server;
  let tried = 0;
  browser.server.fetch = async () => {
    tried++;
    throw new Problem("draining", 503, "the node is stopping", "trace", 3600);
  };
  browser.server.cut();
  await until("b sees it", () => b.status.problem?.code === "draining");
  assert.ok(b.status.problem instanceof Problem && b.status.problem.temporary);
  assert.deepEqual([b.status.status, b.status.problem.retryAfter, b.status.problem.traceId], ["reconnecting", 3600, "trace"]);
  const before = tried;
  await sleep(30);
  assert.equal(tried, before);
  browser.server.fetch = fetch;
  b.wake();
  await live(a, b);
  browser.server.happens({ type: "StreamEnded", reason: "replaced" });
  await until("both see it", () => [a, b].every(({ status }) => status.status === "replaced"));
  b.stream.start();
  await live(a, b);
  assert.equal(browser.server.most, 1);
  browser.end();
});

test("users do not share, nor does a token of somebody else's; without an identity, locks or channels each tab has its own", async () => {
  const browser = new Browser();
  const [a, b] = [browser.tab(), browser.tab({ user: "bob" })];
  await live(a, b);
  assert.equal(browser.server.streams.size, 2);
  browser.end();

  for (const options of [
    { identity: async () => undefined },
    { locks: { request: () => Promise.reject(new DOMException("no", "SecurityError")) } },
    { channel: () => { throw new DOMException("no", "SecurityError"); } },
  ] satisfies TabOptions[]) {
    const other = new Browser();
    const tabs = [other.tab(options), other.tab(options)];
    await live(...tabs);
    happen(other);
    await until("both have it", () => tabs.every(({ given }) => given.length === 1));
    other.end();
  }

  const changed = new Browser();
  let user = "alice";
  const [c, d] = [changed.tab({ identity: async () => user }), changed.tab()];
  await live(c, d);
  user = "bob";
  changed.server.cut();
  await until("it is told", () => d.status.problem?.code === "no-token");
  happen(changed);
  await sleep(30);
  assert.deepEqual([c.given, d.given], [[], []]);
  changed.end();
});

test("a token that cannot be had is told, and asked for again", async () => {
  const browser = new Browser();
  let good = false;
  const tab = browser.tab({
    identity: async () => {
      if (!good) throw new Problem("no-token", 0, "signed out");
      return "alice";
    },
  });
  await until("it is told", () => tab.status.problem?.code === "no-token");
  good = true;
  await live(tab);
  browser.end();
});

test("a hidden holder that is to park gives the stream to one that is seen", async () => {
  const browser = new Browser();
  const [a, b] = [browser.tab({ hidden: 5 }), browser.tab({ hidden: 5 })];
  await live(a, b);
  a.hide();
  await until("b has it", () => browser.server.opened.length === 2);
  await live(b);
  assert.equal(a.status.status, "parked");
  b.hide();
  await until("nobody has one", () => browser.server.streams.size === 0);
  happen(browser);
  a.wake();
  await until("a has it", () => a.given.length === 1);
  browser.end();
});

type Step = { kind: "open" | "happens" | "cut" } | { kind: "close" | "kill" | "freeze" | "resume" | "wake"; which: number };
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("open", "happens", "happens", "happens", "cut" as const) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("close", "kill", "freeze", "resume", "wake" as const), which: fc.nat(5) }) },
  ),
  { maxLength: 40 },
) as fc.Arbitrary<Step[]>;

for (const ids of ["of the event", "of the node"] as const) {
  test(`whatever becomes of tabs, each ends with all, nothing twice, and there is one stream (ids ${ids})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), steps, async (scheduler, all) => {
        const browser = new Browser((what, act) => void scheduler.schedule(Promise.resolve(), what).then(act), ids);
        const there = new Set<Tab>();
        const frozen = new Set<Tab>();
        const turn = () => new Promise((resolve) => setImmediate(resolve));
        const pick = (from: Set<Tab>, which: number) => [...from][which % Math.max(from.size, 1)];
        for (const step of all) {
          if (step.kind === "open" && there.size < 6) there.add(browser.tab());
          else if (step.kind === "happens") happen(browser);
          else if (step.kind === "cut") browser.server.cut();
          else if ("which" in step) {
            const tab = pick(step.kind === "resume" ? frozen : there, step.which);
            if (!tab) continue;
            if (step.kind === "close" || step.kind === "kill") {
              if (step.kind === "kill") tab.kill();
              tab.stream.close(); // of one that was killed: its connection ends, and nothing is said
              there.delete(tab);
              frozen.delete(tab);
            } else if (step.kind === "wake") {
              tab.wake();
              frozen.delete(tab);
            } else if (step.kind === "freeze") {
              tab.page.freeze();
              frozen.add(tab);
            } else {
              tab.page.resume();
              frozen.delete(tab);
            }
          }
          await turn();
          // Some of what is under way comes now, in whatever order, the rest later.
          if (scheduler.count() > 0) await scheduler.waitOne();
        }
        frozen.forEach((tab) => tab.page.resume());
        happen(browser);
        const whole = () => [...there].every(({ shown, status }) => shown.size === browser.server.events.length && status.status === "live");
        for (let i = 0; i < 400 && !(whole() && scheduler.count() === 0); i++) {
          await turn();
          await scheduler.waitAll();
        }
        try {
          for (const { given, shown } of there) {
            assert.equal(shown.size, browser.server.events.length);
            assert.deepEqual(given, [...new Set(given)], "nothing twice");
            assert.deepEqual(given, [...given].sort((a, b) => a - b), "in order");
          }
          assert.equal(browser.server.streams.size, Math.min(there.size, 1));
          assert.ok(browser.server.most <= 1, "never two at once");
        } finally {
          browser.end();
        }
      }),
      { numRuns: 150 },
    );
  });
}
