import assert from "node:assert/strict";
import { test } from "node:test";
import { initialsOf } from "../src/parts.js";
import { hashOf, routeOf } from "../src/route.js";

test("routes are in the address, and come back from it", () => {
  for (const hash of ["#/", "#/rooms/6f1c", "#/friends", "#/inbox", "#/settings"]) assert.equal(hashOf(routeOf(hash)), hash);
});

test("any address leads somewhere", () => {
  for (const hash of ["", "#", "#rubbish", "#/nowhere", "#/rooms", "#/rooms/"]) assert.deepEqual(routeOf(hash), { page: "rooms" }, hash);
  assert.deepEqual(routeOf("#/rooms/%zz"), { page: "room", id: "%zz" });
});

test("initials are letters, whatever a name is made of", () => {
  assert.equal(initialsOf("alice liddell"), "AL");
  assert.equal(initialsOf("  bob "), "B");
  assert.equal(initialsOf("👩‍🚀 x"), "👩X");
  assert.equal(initialsOf(""), "?");
});
