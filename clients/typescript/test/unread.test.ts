import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Unread } from "../src/unread.js";

const at = (n: number) => `1${String(n).padStart(6, "0")}`;

type Step = "other" | "own" | "read";

test("unread is the server's count, in whatever order snapshots and events come, and however often", () => {
  const steps = fc.array(fc.constantFrom<Step>("other", "other", "other", "own", "read"), { maxLength: 30 });
  fc.assert(
    fc.property(steps, fc.infiniteStream(fc.nat(1000)), fc.nat(30), (list, random, start) => {
      const next = () => random.next().value as number;
      // The server: what it would answer after each step.
      let client = new Unread({ unreadCount: 0, unreadAsOf: "" });
      let count = 0;
      const answers: { unreadCount: number; unreadAsOf: string }[] = [{ unreadCount: 0, unreadAsOf: "" }];
      const events: (() => void)[] = [];
      list.forEach((step, n) => {
        const position = at(n);
        if (step === "read") {
          count = 0;
            const answer = { unreadCount: 0, unreadAsOf: n === 0 ? "" : at(n - 1) };
          answers.push(answer);
          events.push(() => client.counted(answer));
          return;
        }
        count = step === "own" ? 0 : count + 1;
        answers.push({ unreadCount: count, unreadAsOf: position });
        events.push(() => client.message(position, step === "own"));
      });
      // The client begins with the answer after `start` steps, asked once its stream was open: it may get earlier events again, and gets all later ones.
      const from = Math.min(start, list.length);
      client = new Unread(answers[from] ?? { unreadCount: 0, unreadAsOf: "" });
      const due = events.slice(from);
      // Messages may come twice, marks once each and in their order.
      for (const event of due) {
        event();
        if (next() % 3 === 0 && events.length > 0) {
          const again = next() % (events.indexOf(event) + 1);
          if (list[again] === "other" || list[again] === "own") events[again]?.();
        }
      }
      assert.equal(client.count, count);
    }),
    { numRuns: 1000 },
  );
});

test("a count that is older than what is known is passed over, one that is newer keeps what came behind it", () => {
  const unread = new Unread({ unreadCount: 2, unreadAsOf: at(5) });
  unread.message(at(6), false);
  unread.message(at(7), false);
  unread.message(at(7), false);
  assert.equal(unread.count, 4);
  unread.counted({ unreadCount: 0, unreadAsOf: at(4) });
  assert.equal(unread.count, 4);
  unread.counted({ unreadCount: 0, unreadAsOf: at(6) });
  assert.equal(unread.count, 1);
  unread.message(at(8), true);
  assert.equal(unread.count, 0);
});
