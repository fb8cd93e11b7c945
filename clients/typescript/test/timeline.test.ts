import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Problem } from "../src/problem.js";
import type { Answer, RequestOptions } from "../src/request.js";
import { Timeline, type TimelineItem } from "../src/timeline.js";
import type { Message } from "../src/types.js";
import type { Change } from "../src/window.js";
import { sleep, until } from "./ism.js";

const at = (n: number) => `1${String(n).padStart(6, "0")}`;
const PAGE = 5;

/** A room as messages serves it: pages of five, and answers that may lack what came within the last moment, and say so. */
class Server {
  readonly messages: Message[] = [];
  readonly log: Change[] = [];
  /** How much of the log answers have. */
  private sure = 0;
  failing = 0;
  asked = 0;

  post(): void {
    const position = at(this.log.length);
    const message: Message = { chatRoomId: "r", messageId: `m${this.log.length}`, senderId: "u", msgType: "Text", msgBody: { text: position }, createdAt: position, position };
    this.messages.push(message);
    this.append({ kind: "new", message, position });
  }

  revise(which: number, kind: "edited" | "deleted"): void {
    const old = this.messages[which % (this.messages.length || 1)];
    if (!old || old.deletedAt) return this.post();
    const position = at(this.log.length);
    const message: Message = kind === "edited" ? { ...old, msgBody: { text: `edited ${position}` }, editedAt: position } : { ...old, msgBody: {}, deletedAt: position };
    this.messages[this.messages.indexOf(old)] = message;
    this.append({ kind, message, position });
  }

  private append(change: Change): void {
    this.log.push(change);
    const length = this.log.length;
    setTimeout(() => (this.sure = Math.max(this.sure, length)), 2);
  }

  readonly call = async <T>(_: string, path: string, options: RequestOptions = {}): Promise<Answer<T>> => {
    this.asked++;
    const query = options.query ?? {};
    await sleep(this.asked % 3);
    if (this.failing > 0 && this.failing--) throw new Problem("timeout", 503, "not now");
    const headers = new Headers();
    const data = path.endsWith("/changes") ? this.changes(String(query["since"])) : this.page(query, headers);
    const answer = structuredClone(data); // as it was when it was answered
    await sleep((this.asked * 7) % 4);
    return { data: answer as T, headers };
  };

  private changes(since: string) {
    const behind = this.log.slice(0, this.sure).filter(({ position }) => position! > since);
    const part = behind.slice(0, PAGE);
    const changes = part.map(({ kind, message, position }) => ({ change: kind, position, message: this.now(message.messageId) }));
    return { changes, since: part.at(-1)?.position ?? since, more: behind.length > part.length };
  }

  private page(query: NonNullable<RequestOptions["query"]>, headers: Headers): Message[] {
    const border = at(this.sure);
    const known = this.messages.filter(({ position }) => position! < border);
    const lacks = known.length < this.messages.length;
    let from: number;
    let to: number;
    if (query["around"] !== undefined) {
      const middle = known.findIndex(({ messageId }) => messageId === query["around"]);
      if (middle < 0 && this.messages.some(({ messageId }) => messageId === query["around"])) throw new Problem("timeline-behind", 503, "not yet");
      if (middle < 0) throw new Problem("message-not-found", 404, "no such message");
      [from, to] = [Math.max(0, middle - 2), Math.min(known.length, middle + 3)];
      if (to < known.length || lacks) headers.set("X-Previous-Cursor", at0(known[to - 1]));
      if (from > 0) headers.set("X-Next-Cursor", at0(known[from]));
    } else if (query["direction"] === "newer") {
      from = known.filter(({ position }) => position! <= String(query["cursor"])).length;
      to = Math.min(known.length, from + PAGE);
      if (to < known.length) headers.set("X-Next-Cursor", at0(known[to - 1]));
      else if (lacks) headers.set("X-Complete-Before", border);
      return known.slice(from, to).reverse();
    } else {
      to = query["cursor"] === undefined ? known.length : known.filter(({ position }) => position! < String(query["cursor"])).length;
      from = Math.max(0, to - PAGE);
      if (from > 0) headers.set("X-Next-Cursor", at0(known[from]));
    }
    if (lacks && query["cursor"] === undefined) headers.set("X-Complete-Before", border);
    return known.slice(from, to).reverse();
  }

  private now(id: string): Message {
    return this.messages.find(({ messageId }) => messageId === id)!;
  }
}

/** Tells a timeline what the stream would. */
function feed(timeline: Timeline, { kind, message, position }: Change): void {
  const type = ({ new: "ChatMessage", edited: "MessageEdited", deleted: "MessageDeleted" } as const)[kind];
  timeline.event({ type, message, roomPreviewText: { type: "New" }, createdAt: "", ...(position !== undefined && { position }) });
}

const at0 = (message: Message | undefined) => message?.position ?? "";

function timelineOf(server: Server, messages = 1000): Timeline {
  return new Timeline({ room: "r", call: server.call, limits: { messages }, local: () => [], own: () => false, sentHere: () => false, random: () => 0, settle: 8 });
}

type Step = ["post"] | ["edited" | "deleted" | "repeat" | "around", number] | ["deliver", number] | ["lose", number] | ["load" | "older" | "newer" | "turn" | "pause" | "fail"];

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>(["post"]) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom("edited" as const, "deleted" as const, "repeat" as const), fc.nat(50)) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("deliver" as const), fc.nat(6)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("lose" as const), fc.integer({ min: 1, max: 30 })) },
  { weight: 3, arbitrary: fc.constantFrom<Step>(["load"], ["older"], ["newer"], ["turn"], ["pause"], ["pause"], ["fail"]) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("around" as const), fc.nat(50)) },
);

/** The timeline is a part of the room without a hole, and not too long. */
function assertPart(timeline: Timeline, server: Server, limit: number): void {
  const messages = timeline.getSnapshot().items.map(({ message }) => message);
  assert.ok(messages.length <= limit);
  const from = server.messages.findIndex(({ messageId }) => messageId === messages[0]?.messageId);
  assert.deepEqual(messages.map(({ messageId }) => messageId), server.messages.slice(Math.max(0, from), from + messages.length).map(({ messageId }) => messageId));
}

test("the timeline is the room's, whatever is lost, repeated, and overtaken by answers, once it was told to resync", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(12), fc.array(step, { maxLength: 60 }), fc.constantFrom(1000, 8, 11), async (before, steps, limit) => {
      const server = new Server();
      for (let i = 0; i < before; i++) server.post();
      await sleep(4);
      const timeline = timelineOf(server, limit);
      let delivered = server.log.length; // the stream is open from here on
      const quiet = (loading: Promise<void>) => void loading.catch(() => {});
      quiet(timeline.load());
      for (const [what, n = 0] of steps) {
        switch (what) {
          case "post": server.post(); break;
          case "edited": case "deleted": server.revise(n, what); break;
          case "deliver": while (delivered < server.log.length && n >= 0) { feed(timeline, server.log[delivered++]!); break; } break;
          case "repeat": if (delivered > 0) feed(timeline, server.log[n % delivered]!); break;
          case "lose": delivered = Math.min(server.log.length, delivered + n); timeline.resync(); break;
          case "load": quiet(timeline.load()); break;
          case "older": quiet(timeline.loadOlder()); break;
          case "newer": quiet(timeline.loadNewer()); break;
          case "turn": timeline.keepsOldest = !timeline.keepsOldest; break;
          case "around": quiet(timeline.load(server.messages[n % (server.messages.length || 1)]?.messageId)); break;
          case "pause": await sleep(n % 5); break;
          case "fail": server.failing++; break;
        }
        const { caughtUp, loading } = timeline.getSnapshot();
        if (caughtUp && !loading) assertPart(timeline, server, limit);
      }
      while (delivered < server.log.length) feed(timeline, server.log[delivered++]!);
      server.failing = 0;
      const state = timeline.getSnapshot;
      await until("nothing is under way", () => !state().loading);
      await sleep(5); // the server is sure of all
      if (state().items.length === 0) await timeline.load();
      await until("it has caught up", () => state().caughtUp);
      const newer = async () => {
        for (let i = 0; !state().atEnd && i < 200; i++) {
          await timeline.loadNewer().catch(() => {}); // around a message that is too new
          assertPart(timeline, server, limit);
        }
        assert.ok(state().atEnd);
      };
      await newer();
      for (let i = 0; !state().atBeginning && i < 200; i++) {
        await timeline.loadOlder().catch(() => {});
        if (limit < 1000 && i < 5) {
          server.post(); // while the window may be elsewhere
          feed(timeline, server.log.at(-1)!);
        }
        assertPart(timeline, server, limit);
      }
      const shown = () => state().items.map(({ message }) => message);
      assert.deepEqual(shown(), server.messages.slice(0, shown().length), "with all edits, as from the beginning");
      await newer();
      assert.deepEqual(shown(), server.messages.slice(server.messages.length - shown().length));
      if (server.messages.length <= limit) assert.deepEqual(shown(), server.messages);
      timeline.close();
    }),
    { numRuns: 120 },
  );
});

test("what is not sent yet stands at the end, and not beside the same message that the stream has brought", async () => {
  const server = new Server();
  server.post();
  await sleep(4);
  const message = (text: string): Message => ({ chatRoomId: "r", messageId: "", senderId: "me", clientMsgId: text, msgType: "Text", msgBody: { text }, createdAt: "" });
  const local: TimelineItem[] = [{ key: "k", state: "sending", message: message("k") }];
  const timeline = new Timeline({ room: "r", call: server.call, local: () => local, own: ({ senderId }) => senderId === "me", sentHere: (name) => name === "k" });
  await timeline.load();
  assert.deepEqual(timeline.getSnapshot().items.map(({ key, state }) => [key, state]), [["m0", "sent"], ["k", "sending"]]);
  const stranger = { ...message("k"), messageId: "x", senderId: "mallory", position: at(5) };
  feed(timeline, { kind: "new", message: stranger, position: at(5) });
  assert.deepEqual(timeline.getSnapshot().items.map(({ key }) => key), ["m0", "x", "k"], "a name that another has used is not the user's");
  feed(timeline, { kind: "new", message: { ...message("k"), messageId: "s" }, position: at(6) });
  assert.deepEqual(timeline.getSnapshot().items.map(({ key, state }) => [key, state]), [["m0", "sent"], ["x", "sent"], ["k", "sent"]]);
  timeline.close();
});

test("a snapshot stays the same while nothing changes, and so does each item that has not", async () => {
  const server = new Server();
  for (let i = 0; i < 3; i++) server.post();
  await sleep(4);
  const timeline = timelineOf(server);
  await timeline.load();
  const before = timeline.getSnapshot();
  feed(timeline, server.log[1]!);
  assert.equal(timeline.getSnapshot(), before);
  let told = 0;
  const end = timeline.subscribe(() => told++);
  server.revise(1, "edited");
  feed(timeline, server.log[3]!);
  assert.equal(told, 1);
  end();
  const after = timeline.getSnapshot();
  assert.deepEqual(after.items.map((item, i) => item === before.items[i]), [true, false, true]);
  timeline.close();
});

test("a timeline that is full drops what is far from where it was loaded last, and loads it again", async () => {
  const server = new Server();
  const live = () => {
    server.post();
    feed(timeline, server.log.at(-1)!);
  };
  for (let i = 0; i < 20; i++) server.post();
  await sleep(4);
  const timeline = timelineOf(server, 8);
  const ids = () => timeline.getSnapshot().items.map(({ message }) => Number(message.messageId.slice(1)));
  const ends = () => [timeline.getSnapshot().atBeginning, timeline.getSnapshot().atEnd];
  await timeline.load();
  for (let i = 0; i < 6; i++) live();
  assert.deepEqual([ids(), ends()], [[18, 19, 20, 21, 22, 23, 24, 25], [false, true]], "who follows the newest sees them");
  await sleep(4);
  while (!timeline.getSnapshot().atBeginning) await timeline.loadOlder();
  assert.deepEqual([ids(), ends()], [[0, 1, 2, 3, 4, 5, 6, 7], [true, false]]);
  const before = timeline.getSnapshot();
  live(); // it belongs where the window is not
  server.revise(3, "edited");
  feed(timeline, server.log.at(-1)!);
  server.revise(15, "edited");
  feed(timeline, server.log.at(-1)!);
  assert.deepEqual(timeline.getSnapshot().items.map((item, i) => item === before.items[i]), [true, true, true, false, true, true, true, true]);
  await sleep(4);
  while (!timeline.getSnapshot().atEnd) await timeline.loadNewer();
  assert.deepEqual(timeline.getSnapshot().items.map(({ message }) => message), server.messages.slice(-8));
  const shown = ids();
  timeline.keepsOldest = true;
  for (let i = 0; i < 3; i++) live();
  assert.deepEqual([ids(), ends()], [shown, [false, false]], "who looks at the oldest keeps them, whatever comes");
  await timeline.loadOlder();
  server.messages.splice(0); // purged
  await assert.rejects(timeline.loadNewer(), (problem: Problem) => problem.code === "message-not-found");
  await until("it begins anew", () => timeline.getSnapshot().items.length === 0 && timeline.getSnapshot().problem === undefined);
  timeline.close();
});
