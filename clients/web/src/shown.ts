// What is shown of a room whose messages are not loaded yet.
import type { TimelineItem, TimelineState } from "../../typescript/src/index.js";
import type { SeenTimeline } from "./last-seen.js";

export const NOTHING: readonly TimelineItem[] = [];

/** The timeline as it is; before it is loaded, as it was seen last, with what has come and was written since. */
export function shownOf(state: TimelineState, seen: SeenTimeline | undefined): TimelineState {
  const { items, atBeginning, atEnd, caughtUp } = state;
  if (atBeginning || atEnd || caughtUp || !seen || seen.messages.length === 0) return state;
  const there = new Set(items.map(({ message }) => message.messageId));
  const before = seen.messages.filter(({ messageId }) => !there.has(messageId)).map((message): TimelineItem => ({ key: message.messageId, state: "sent", message }));
  return { ...state, items: [...before, ...items], atEnd: true };
}
