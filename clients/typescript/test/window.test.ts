import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Message } from "../src/types.js";
import { Window, type Change } from "../src/window.js";

const at = (n: number) => `1${String(n).padStart(6, "0")}`;

/** The log of a room as a server has it: what happened, in order, and the messages as they are after any part of it. */
export function roomLog(steps: readonly { do: "post" | "edit" | "delete"; which: number }[]) {
  const messages: Message[] = [];
  const changes: Change[] = [];
  steps.forEach(({ do: what, which }, n) => {
    const position = at(n);
    const old = messages.length > 0 ? messages[which % messages.length] : undefined;
    if (what === "post" || !old || old.deletedAt) {
      const message: Message = { chatRoomId: "r", messageId: `m${n}`, senderId: "u", msgType: "Text", msgBody: { text: `${n}` }, createdAt: position, position };
      messages.push(message);
      changes.push({ kind: "new", message, position });
      return;
    }
    const message: Message = what === "edit" ? { ...old, msgBody: { text: `edited ${n}` }, editedAt: position } : { ...old, msgBody: {}, deletedAt: position };
    messages[messages.indexOf(old)] = message;
    changes.push({ kind: what === "edit" ? "edited" : "deleted", message, position });
  });
  return { messages, changes };
}

export const steps = fc.array(fc.record({ do: fc.constantFrom("post" as const, "post" as const, "edit" as const, "delete" as const), which: fc.nat(40) }), { maxLength: 40 });

function whole(): Window {
  const window = new Window();
  window.atEnd = window.atBeginning = true;
  return window;
}

test("changes give the same timeline in any order, however often", () => {
  fc.assert(
    fc.property(
      steps.chain((list) => {
        const { messages, changes } = roomLog(list);
        const twice = [...changes, ...changes];
        return fc.tuple(fc.constant(messages), fc.shuffledSubarray(twice, { minLength: twice.length }));
      }),
      ([messages, changes]) => {
        const window = whole();
        changes.forEach((change) => window.apply(change));
        assert.deepEqual(window.messages, messages);
      },
    ),
    { numRuns: 500 },
  );
});

test("pages that are older than what the stream has told do not bring it back", () => {
  fc.assert(
    fc.property(steps, fc.nat(40), (list, cut) => {
      const before = roomLog(list.slice(0, cut));
      const after = roomLog(list);
      const window = new Window();
      after.changes.slice(cut).forEach((change) => window.apply(change)); // the stream, while the page is under way
      window.atEnd = window.atBeginning = true;
      window.page(before.messages);
      assert.deepEqual(window.messages, after.messages);
    }),
    { numRuns: 500 },
  );
});

test("a window in the middle takes no message from outside, and all that its pages bring", () => {
  fc.assert(
    fc.property(steps, fc.nat(40), fc.nat(40), (list, a, b) => {
      const { messages, changes } = roomLog(list);
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const window = new Window();
      window.page(messages.slice(from, to));
      changes.forEach((change) => window.apply(change));
      if (to > from && from < messages.length) assert.deepEqual(window.messages, messages.slice(from, to));
      window.atEnd = window.atBeginning = true;
      window.page(messages.slice(0, from));
      window.page(messages.slice(to));
      assert.deepEqual(window.messages, messages);
    }),
    { numRuns: 500 },
  );
});

test("a message that the log has twice is where it was first", () => {
  const { changes } = roomLog([{ do: "post", which: 0 }, { do: "post", which: 0 }, { do: "post", which: 0 }]);
  const again: Change = { ...changes[0]!, position: at(9), message: { ...changes[0]!.message, position: at(9) } };
  for (const order of [[again, ...changes], [...changes, again]]) {
    const window = whole();
    order.forEach((change) => window.apply(change));
    assert.deepEqual(window.messages.map(({ messageId }) => messageId), ["m0", "m1", "m2"]);
  }
});

test("of two edits the later one in the log is right, whatever the clocks say", () => {
  const message: Message = { chatRoomId: "r", messageId: "m", senderId: "u", msgType: "Text", msgBody: { text: "" }, createdAt: "0", position: at(0) };
  const edit = (n: number, editedAt: string): Change => ({ kind: "edited", position: at(n), message: { ...message, msgBody: { text: `${n}` }, editedAt } });
  const window = whole();
  window.apply({ kind: "new", message, position: at(0) });
  window.apply(edit(2, "5"));
  window.apply(edit(1, "9"));
  assert.deepEqual(window.messages[0]?.msgBody, { text: "2" });
});

test("a message without a position stands at the end until its position is told", () => {
  const { changes, messages } = roomLog([{ do: "post", which: 0 }, { do: "post", which: 0 }]);
  const window = whole();
  const { position: _, ...message } = changes[0]!.message;
  window.apply(changes[1]!);
  window.apply({ kind: "new", message });
  assert.deepEqual(window.messages.map(({ messageId }) => messageId), ["m1", "m0"]);
  window.apply(changes[0]!);
  assert.deepEqual(window.messages, messages);
});

test("a window that takes too much memory drops messages, and keeps a hundred whatever they take", () => {
  const window = whole();
  const { messages } = roomLog(Array.from({ length: 150 }, () => ({ do: "post", which: 0 })));
  window.page(messages.map((message) => ({ ...message, msgBody: { text: "x".repeat(1000) } })));
  assert.equal(window.trim(1000, 1 << 20, true), false);
  assert.deepEqual([window.atBeginning, window.atEnd], [true, true]);
  assert.equal(window.trim(1000, 300_000, true), true);
  assert.deepEqual([window.messages[0]?.messageId, window.atBeginning, window.atEnd], ["m0", true, false]);
  assert.ok(window.size > 110 && window.size < 150);
  window.trim(1000, 1, false);
  assert.deepEqual([window.size, window.atBeginning], [100, false]);
  window.apply({ kind: "edited", message: { ...messages[70]!, msgBody: { text: "" }, editedAt: "9" }, position: at(500) });
  window.trim(1, 0, true);
  assert.equal(window.size, 1);
});
