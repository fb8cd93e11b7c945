import assert from "node:assert/strict";
import { test } from "node:test";
import "fake-indexeddb/auto";
import fc from "fast-check";
import { indexedDBOutbox } from "../src/offline.js";
import { Outbox, type OutboxEntry, type OutboxParts, type OutboxStorage } from "../src/outbox.js";
import { Problem } from "../src/problem.js";
import type { Message } from "../src/types.js";
import { sleep, until } from "./ism.js";
import { ModelLocks } from "./tabs.js";

const text = (room: string, t: string) => ({ chatRoomId: room, msgType: "Text" as const, msgBody: { text: t } });
const textOf = ({ request }: OutboxEntry) => (request.msgBody as { text: string }).text;
const down = () => new Problem("network", 0, "down");

/** An outbox whose server is a function. */
function outboxTo(send: (entry: OutboxEntry) => Promise<void> | void, options: Partial<OutboxParts> = {}) {
  const sent: string[] = [];
  const problems: Problem[] = [];
  const outbox = new Outbox({
    storage: undefined,
    send: async (entry) => {
      await send(entry);
      return { messageId: entry.clientMsgId } as Message;
    },
    sent: (_, entry) => sent.push(textOf(entry)),
    changed: () => {},
    storageFailed: (problem) => problems.push(problem),
    random: () => 0,
    ...options,
  });
  return { outbox, sent, problems };
}

test("messages of a room are sent in order, whatever is tried again; rooms do not wait for each other", async () => {
  const tries = new Map<string, number>();
  const { outbox, sent } = outboxTo((entry) => {
    const tried = (tries.get(textOf(entry)) ?? 0) + 1;
    tries.set(textOf(entry), tried);
    if (textOf(entry) === "slow") return new Promise(() => {});
    if (tried < 3) throw down();
  });
  outbox.add(text("busy", "slow"));
  for (const t of ["a", "b", "c"]) outbox.add(text("room", t));
  await until("all are sent", () => sent.length === 3);
  assert.deepEqual(sent, ["a", "b", "c"]);
  assert.deepEqual(["a", "b", "c"].map((t) => tries.get(t)), [3, 3, 3]);
  outbox.close();
});

test("a wake that comes while a try is under way counts for it: it is tried again at once, and the waits begin anew", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const tries: ((problem?: Problem) => void)[] = [];
  const { outbox, sent } = outboxTo(() => new Promise((resolve, reject) => tries.push((problem) => (problem ? reject(problem) : resolve()))), { random: () => 1 });
  const turns = async () => {
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const tried = async (count: number) => (await turns(), assert.equal(tries.length, count));
  outbox.add(text("room", "x"));
  await tried(1);
  for (let failures = 0; failures < 6; failures++) {
    tries.at(-1)!(down());
    await tried(failures + 1);
    context.mock.timers.tick(500 * 2 ** failures);
    await tried(failures + 2);
  }
  outbox.wake();
  tries.at(-1)!(down());
  await turns();
  context.mock.timers.tick(0); // no time has passed
  await tried(8);
  tries.at(-1)!(down());
  await tried(8); // a wake counts once
  context.mock.timers.tick(500); // in place of 16 s
  await tried(9);
  outbox.wake();
  tries.at(-1)!(new Problem("rate-limited", 429, "later", "", 3)); // the server answers, and says when
  await tried(9);
  context.mock.timers.tick(2_999);
  await tried(9);
  context.mock.timers.tick(1);
  await tried(10);
  tries.at(-1)!();
  await turns();
  assert.deepEqual(sent, ["x"]);
  outbox.close();
});

test("a refused message has failed and holds up nobody; it can be tried again under its name, or given up", async () => {
  let refuse = true;
  const names: string[] = [];
  const { outbox, sent } = outboxTo((entry) => {
    if (textOf(entry) !== "bad") return;
    names.push(entry.clientMsgId);
    if (refuse) throw new Problem("invalid-request", 422, "no", "t1");
  });
  const bad = outbox.add(text("room", "bad"));
  outbox.add(text("room", "good"));
  await until("the other is sent", () => sent.length === 1);
  const [waiting] = outbox.of("room");
  assert.deepEqual([waiting?.problem?.code, waiting?.problem?.status, waiting?.problem?.traceId], ["invalid-request", 422, "t1"]);
  refuse = false;
  outbox.retry(bad.clientMsgId);
  await until("it is sent", () => sent.length === 2);
  assert.equal(new Set(names).size, 1);
  refuse = true;
  const worse = outbox.add(text("room", "bad"));
  await until("it has failed", () => outbox.of("room")[0]?.entry.failed);
  outbox.discard(worse.clientMsgId);
  assert.deepEqual(outbox.of("room"), []);
  outbox.close();
});

test("what is written outlives the page, is sent once, and before what is written afterwards", async () => {
  const storage = indexedDBOutbox("alice");
  const before = outboxTo(() => {
    throw down();
  }, { storage });
  const first = before.outbox.add(text("room", "one"));
  before.outbox.add(text("room", "two"));
  await until("they are kept", async () => (await storage.load()).length === 2 && (await storage.load()).some(({ triedAt }) => triedAt));
  before.outbox.close();

  const names: string[] = [];
  const { outbox, sent } = outboxTo((entry) => void names.push(entry.clientMsgId), { storage: indexedDBOutbox("alice") });
  outbox.add(text("room", "three")); // before what was kept is read
  await until("all are sent", () => sent.length === 3);
  assert.deepEqual(sent, ["one", "two", "three"]);
  assert.equal(names[0], first.clientMsgId);
  await until("nothing is kept", async () => (await storage.load()).length === 0);
  assert.deepEqual(await indexedDBOutbox("bob").load(), []);
  outbox.close();
});

test("a storage that is full or forbidden is told, and messages are sent all the same", async () => {
  const forbidden = () => Promise.reject(new DOMException("no", "QuotaExceededError"));
  const storage: OutboxStorage = { load: forbidden, put: forbidden, remove: forbidden };
  const { outbox, sent, problems } = outboxTo(() => {}, { storage });
  outbox.add(text("room", "one"));
  await until("it is sent", () => sent.length === 1);
  assert.ok(problems.length >= 2);
  outbox.close();
});

test("what was tried more than a day ago is not sent again by itself", async () => {
  const kept: OutboxEntry = { clientMsgId: "old", order: 1, request: text("room", "old"), createdAt: "", triedAt: Date.now() - 25 * 3600_000 };
  const storage: OutboxStorage = { load: async () => [kept], put: async () => {}, remove: async () => {} };
  const { outbox, sent } = outboxTo(() => {}, { storage });
  await until("it has failed", () => outbox.of("room")[0]?.entry.failed);
  assert.equal(outbox.of("room")[0]?.problem?.code, "outcome-unknown");
  assert.deepEqual(sent, []);
  outbox.retry("old");
  await until("it is sent, as the user wants it", () => sent.length === 1);
  outbox.close();
});

test("a storage that holds rubbish is read as far as it makes sense", async () => {
  const storage = indexedDBOutbox("carol");
  await storage.put({ clientMsgId: "x" } as OutboxEntry);
  assert.deepEqual(await storage.load(), []);
});

/** A browser whose tabs have one outbox, and a server that takes each name once. */
class Browser {
  static count = 0;
  readonly name = `browser ${Browser.count++}`;
  readonly written: string[] = [];
  readonly taken: string[] = [];
  readonly tabs: { outbox: Outbox; locks: { end(): void } }[] = [];
  up = true;
  now = 1_000_000_000_000;
  private readonly names = new Set<string>();
  private readonly locks = new ModelLocks((_, act) => setImmediate(act));

  storage = () => indexedDBOutbox(this.name, { locks: this.locks.tab() });

  open(): Outbox {
    const locks = this.locks.tab();
    const { outbox } = outboxTo((entry) => this.send(entry), { storage: indexedDBOutbox(this.name, { locks }), now: () => this.now });
    this.tabs.push({ outbox, locks });
    return outbox;
  }

  kill(index: number): void {
    const [tab] = this.tabs.splice(index, 1);
    tab?.outbox.close();
    tab?.locks.end();
  }

  write(outbox: Outbox): void {
    this.now++;
    const what = `m${this.written.length}`;
    this.written.push(what);
    outbox.add(text("room", what));
  }

  private async send(entry: OutboxEntry): Promise<void> {
    const { up } = this;
    await sleep(entry.order % 3);
    if (!up || !this.up) throw down();
    const again = this.names.has(entry.clientMsgId);
    if (!again) this.taken.push(textOf(entry));
    this.names.add(entry.clientMsgId);
    await sleep(entry.order % 2);
    if (!again && entry.order % 5 === 0) throw down(); // the answer is lost
  }
}

test("what was written in several tabs of a browser is sent in its order, once, whichever tab is closed", async () => {
  const step = fc.oneof({ weight: 6, arbitrary: fc.tuple(fc.constant("write" as const), fc.nat(3)) }, { weight: 3, arbitrary: fc.tuple(fc.constantFrom("down" as const, "up" as const, "open" as const, "wait" as const), fc.nat(8)) }, { weight: 1, arbitrary: fc.tuple(fc.constant("kill" as const), fc.nat(3)) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const browser = new Browser();
      browser.open();
      for (const [what, n] of steps) {
        if (browser.tabs.length === 0) browser.open();
        if (what === "write") {
          browser.write(browser.tabs[n % browser.tabs.length]!.outbox);
          // A person needs longer to go to another tab.
          await until("it is stored", async () => (await browser.storage().load()).some((entry) => textOf(entry) === browser.written.at(-1)) || browser.taken.includes(browser.written.at(-1)!));
        }
        if (what === "down" || what === "up") browser.up = what === "up";
        if (what === "open" && browser.tabs.length < 4) browser.open();
        if (what === "wait") await sleep(n);
        if (what === "kill") browser.kill(n % browser.tabs.length);
      }
      browser.up = true;
      if (browser.tabs.length === 0) browser.open(); // what a tab leaves that is closed is sent by another one, or by the next that is opened
      await until("all is sent", async () => {
        browser.tabs.forEach(({ outbox }) => outbox.wake());
        return browser.taken.length >= browser.written.length && browser.tabs.every(({ outbox }) => outbox.of("room").length === 0);
      });
      assert.deepEqual(browser.taken, browser.written);
      assert.deepEqual(await browser.storage().load(), []);
      while (browser.tabs.length > 0) browser.kill(0);
    }),
    { numRuns: 40 },
  );
});

test("what a tab has written that is closed since is sent by one that was open all the time, as soon as it wakes", async () => {
  const browser = new Browser();
  const [stays, goes] = [browser.open(), browser.open()];
  await Promise.all([stays.loaded, goes.loaded]);
  browser.up = false;
  browser.write(goes);
  await until("it is stored", async () => (await browser.storage().load()).length === 1);
  browser.kill(1);
  browser.up = true;
  assert.deepEqual(stays.of("room"), []);
  stays.wake();
  await until("it is sent", async () => (await browser.storage().load()).length === 0);
  assert.deepEqual(browser.taken, browser.written);
  browser.kill(0);
});

for (const [hours, outcome] of [[1, "sent"], [48, "outcome-unknown"]] as const) {
  test(`what another tab has sent while this one slept for ${hours} hours is not sent twice`, async () => {
    const kept = new Map<string, OutboxEntry>();
    let now = 1_000_000_000_000;
    let turn = () => {};
    const storage: OutboxStorage = {
      load: async () => [...kept.values()],
      put: async (entry) => void kept.set(entry.clientMsgId, entry),
      remove: async (name) => void kept.delete(name),
      exclusive: (_, act) => new Promise((resolve) => (turn = () => resolve(act()))),
    };
    const { outbox, sent } = outboxTo(() => {}, { storage, now: () => now });
    outbox.add(text("room", "x"));
    await until("it is stored", () => kept.size === 1);
    await sleep(5); // it waits for its turn, and was never tried
    kept.clear();
    now += hours * 3600_000;
    turn();
    await until("it is done", () => sent.length > 0 || outbox.of("room")[0]?.entry.failed);
    assert.equal(outbox.of("room")[0]?.problem?.code ?? "sent", outcome); // within a day the server knows the name, and answers as the first time
    outbox.close();
  });
}

test("a tab that is hung, or locks that are forbidden, do not keep messages from being sent", async (context) => {
  const storage = { load: async () => [], put: async () => {}, remove: async () => {} };
  const forbidden = outboxTo(() => {}, { storage: { ...storage, exclusive: () => Promise.reject(new DOMException("no", "SecurityError")) } });
  forbidden.outbox.add(text("room", "x"));
  await until("it is sent", () => forbidden.sent.length === 1);
  forbidden.outbox.close();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const hung = outboxTo(() => {}, { storage: { ...storage, exclusive: (_, __, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))) } });
  hung.outbox.add(text("room", "x"));
  for (const ms of [59_999, 1]) {
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(hung.sent, []);
    context.mock.timers.tick(ms);
  }
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(hung.sent, ["x"]);
  hung.outbox.close();
});
