import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts, LONGEST_DRAFT, MOST_DRAFTS } from "../src/drafts.js";

/** localStorage as browsers have it: keys are its own properties. */
function storage(): Storage {
  return Object.create({
    getItem(key: string) {
      return Object.hasOwn(this, key) ? (this as Record<string, string>)[key] : null;
    },
    setItem(key: string, value: string) {
      (this as Record<string, string>)[key] = value;
    },
    removeItem(key: string) {
      delete (this as Record<string, string>)[key];
    },
  }) as Storage;
}

test("a draft outlives the page, and what is sent does not", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const kept = storage();
  const before = new Drafts("alice", () => kept);
  before.set("r1", "half a sen");
  before.set("r1", "half a sentence");
  assert.equal(before.get("r1"), "half a sentence", "here it is at once");
  assert.equal(Object.keys(kept).length, 0);
  t.mock.timers.tick(300);
  assert.equal(new Drafts("alice", () => kept).get("r1"), "half a sentence");
  assert.equal(new Drafts("alice", () => kept).get("r2"), "");
  before.set("r1", "");
  before.flush();
  assert.equal(before.get("r1"), "");
  assert.equal(Object.keys(kept).length, 0);
});

test("the page is left at once", () => {
  const kept = storage();
  const before = new Drafts("alice", () => kept);
  before.set("r1", "a word");
  before.flush();
  assert.equal(new Drafts("alice", () => kept).get("r1"), "a word");
});

test("they are of one user, and go at sign-out", () => {
  const kept = storage();
  const names = ["a", "a:b", "a%3Ab"];
  const all = names.map((name) => new Drafts(name, () => kept));
  all.forEach((drafts, i) => {
    drafts.set("r1", `of ${names[i]}`);
    drafts.flush();
  });
  all[0]!.set("r2", "not rested yet");
  all[0]!.clear();
  all[0]!.set("r1", "afterwards");
  all[0]!.flush();
  assert.deepEqual(names.map((name) => new Drafts(name, () => kept).get("r1")), ["", "of a:b", "of a%3Ab"]);
  assert.equal(Object.keys(kept).length, 2);
});

test("they are bounded in count and length: the oldest go", () => {
  const kept = storage();
  let now = 0;
  const drafts = new Drafts("alice", () => kept, () => ++now);
  for (let i = 0; i < MOST_DRAFTS + 5; i++) {
    drafts.set(`r${i}`, `draft ${i}`);
    drafts.flush();
  }
  const after = new Drafts("alice", () => kept);
  assert.equal(Object.keys(kept).length, MOST_DRAFTS);
  assert.equal(after.get("r4"), "");
  assert.equal(after.get("r5"), "draft 5");
  drafts.set("r9", "x".repeat(LONGEST_DRAFT + 7));
  drafts.flush();
  assert.equal(new Drafts("alice", () => kept).get("r9").length, LONGEST_DRAFT);
});

test("where storage is full, forbidden, or of somebody else, they live as long as the page", () => {
  const full = Object.assign(Object.create(storage()) as Storage, {});
  Object.getPrototypeOf(full).setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const forbidden = () => {
    throw new DOMException("forbidden", "SecurityError");
  };
  for (const of of [() => full, forbidden]) {
    const drafts = new Drafts("alice", of);
    drafts.set("r1", "a word");
    drafts.flush();
    assert.equal(drafts.get("r1"), "a word");
    drafts.clear();
  }
  const rubbish = storage();
  for (const value of ["", "null", "7", "{}", '{"text":7,"at":1}', "rubbish"]) {
    rubbish.setItem("ism.draft:alice:r1", value);
    assert.equal(new Drafts("alice", () => rubbish).get("r1"), "", value);
  }
});
