import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message, TimelineItem, TimelineState } from "../../typescript/src/index.js";
import { shownOf } from "../src/shown.js";

const message = (messageId: string) => ({ messageId }) as Message;
const item = (key: string, state: TimelineItem["state"] = "sent"): TimelineItem => ({ key, state, message: message(state === "sent" ? key : "") });
const state = (change: Partial<TimelineState>): TimelineState => ({ items: [], atBeginning: false, atEnd: false, loading: false, caughtUp: false, ...change });
const seen = { room: "r1", messages: [message("m1"), message("m2")], members: [], at: 0 };

test("before anything is loaded what was seen last is shown, and what is written behind it, each once", () => {
  const shown = shownOf(state({ items: [item("m2"), item("m3"), item("local", "sending")] }), seen);
  assert.deepEqual(shown.items.map(({ key }) => key), ["m1", "m2", "m3", "local"]);
  assert.ok(shown.atEnd);
});

test("what is loaded is shown as it is, also where it is nothing", () => {
  for (const loaded of [state({ atBeginning: true, atEnd: true }), state({ items: [item("m7")], caughtUp: true }), state({ atEnd: true, items: [item("m7")] })]) {
    assert.equal(shownOf(loaded, seen), loaded);
  }
  const empty = state({});
  assert.equal(shownOf(empty, undefined), empty);
  assert.equal(shownOf(empty, { ...seen, messages: [] }), empty);
});
