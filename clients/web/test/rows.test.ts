import assert from "node:assert/strict";
import { test } from "node:test";
import { END, MAX_ROWS, STEP, down, firstOf, held, run, up, type View } from "../src/rows.js";

const items = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ key: `m${from + i}` }));

test("at the end the newest are shown, and never more than the limit", () => {
  assert.deepEqual(run([], END), { from: 0, to: 0 });
  assert.deepEqual(run(items(0, 10), END), { from: 0, to: 10 });
  assert.deepEqual(run(items(0, 10_000), END), { from: 10_000 - MAX_ROWS, to: 10_000 });
});

test("a run that is held stays, whatever comes behind it or before it", () => {
  const view = held(items(500, 1000), END);
  const shown = (of: { key: string }[]) => of.slice(run(of, view).from, run(of, view).to).map(({ key }) => key);
  const before = shown(items(500, 1000));
  assert.deepEqual(shown(items(500, 1100)), before);
  assert.deepEqual(shown(items(0, 1000)), before);
});

test("up and down reach both ends of a long timeline, in bounded runs that overlap", () => {
  const all = items(0, 10_000);
  let view: View = held(all, END);
  let steps = 0;
  for (; run(all, view).from > 0; steps++) {
    const before = run(all, view);
    view = up(all, view);
    const now = run(all, view);
    assert.ok(now.to - now.from <= MAX_ROWS);
    assert.ok(now.from < before.from && now.to > before.from, "what is seen stays in the page");
  }
  assert.equal(steps, Math.ceil((10_000 - MAX_ROWS) / STEP));
  for (; view.top !== undefined; ) {
    const before = run(all, view);
    view = down(all, view, true);
    assert.ok(run(all, view).from <= before.to, "what is seen stays in the page");
  }
  assert.equal(run(all, view).to, all.length);
});

test("where there may be newer ones a run at the end does not follow", () => {
  const all = items(0, 100);
  const view = held(all, END);
  assert.equal(down(all, view, false).top, view.top);
  assert.deepEqual(down(all, view, true), END);
});

test("a message that is gone takes nothing else with it", () => {
  const view = up(items(0, 1000), held(items(0, 1000), END));
  const fewer = items(0, 1000).filter(({ key }) => key !== view.top);
  assert.equal(run(fewer, view).from, view.at);
  assert.deepEqual(run(items(0, 3), view), { from: 2, to: 3 });
  assert.deepEqual(run([], view), { from: 0, to: 0 });
});

test("the first for which something holds is found, at either end and in between, or none", () => {
  for (const size of [0, 1, 2, 3, 10]) {
    const all = Array.from({ length: size }, (_, i) => i);
    for (let first = 0; first <= size; first++) assert.equal(firstOf(all, (one) => one >= first), first < size ? first : -1);
  }
});
