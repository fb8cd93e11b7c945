import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import type { StreamEvent, StreamEventOf } from "../src/index.js";

test("the types are what the services' OpenAPI documents say", async () => {
  await promisify(execFile)(process.execPath, ["scripts/generate.mjs", "--check"]);
});

test("events are told apart by their type", () => {
  // This is about types: it does not compile where the union is none.
  const textOf = (event: StreamEvent): string => {
    switch (event.type) {
      case "ChatMessage":
        return event.message.messageId;
      case "UnreadChanged":
        return `${event.roomId} ${event.unreadCount}`;
      case "SystemMessage":
        return event.notificationId;
      default:
        return event.createdAt;
    }
  };
  const event: StreamEventOf<"LeaveRoom"> = { type: "LeaveRoom", roomId: "r", createdAt: "now" };
  assert.equal(textOf(event), "now");
});
