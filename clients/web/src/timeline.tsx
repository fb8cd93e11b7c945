import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Member, Message, Room, RoomHandle, TimelineItem } from "../../typescript/src/index.js";
import { reasonOf, useSession, useTexts } from "./context.js";
import { useStable, useStore } from "./hooks.js";
import { type SeenTimeline } from "./last-seen.js";
import { MessageRow, plainText } from "./message.js";
import { IconButton, Seen } from "./parts.js";
import { Reading } from "./reading.js";
import type { Writing } from "./room.js";
import { NOTHING, shownOf } from "./shown.js";
import { END, down, firstOf, held, run, up, type View } from "./rows.js";
import { sameDay } from "./texts.js";

/** How near to an end of what is in the page more is fetched, pixels. */
const NEAR = 600;
/** What counts as the end, pixels. */
const AT_END = 48;
/** Messages of one sender within this time stand together, milliseconds. */
const TOGETHER = 5 * 60_000;
/** How long until a room that could not be loaded is asked for again, milliseconds. */
const AGAIN = 5_000;

interface Props {
  handle: RoomHandle;
  room: Room | undefined;
  /** What was seen last, for as long as nothing is loaded. */
  seen: SeenTimeline | undefined;
  people: readonly Pick<Member, "id" | "displayName">[];
  onWriting: (writing: Writing) => void;
}

export function TimelineView({ handle, room, seen: before, people, onWriting }: Props) {
  const session = useSession();
  const texts = useTexts();
  const live = useStore(handle.timeline);
  const state = useMemo(() => shownOf(live, before), [live, before]);
  const asSeen = state !== live;
  const { members, readUpTo } = useStore(handle.members);
  const connection = useStore(session.client.connection);
  const [view, setView] = useState<View>(END);
  const [atEnd, setAtEnd] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const scroll = useRef<Scroll>({ atEnd: true, top: 0, direction: 0, anchor: undefined, jump: undefined });
  const { items } = state;
  const { from, to } = run(items, view);
  const own = session.userId;
  const names = useMemo(() => new Map(people.map(({ id, displayName }) => [id, displayName])), [people]);
  const nameOf = useCallback((user: string) => (user === own ? texts.text("message.you") : (names.get(user) ?? texts.text("message.system"))), [names, own, texts]);
  const readersIn = useCallback((message: Message) => readersOf(message, members, readUpTo, handle.timeline.getSnapshot().items, own).map(({ displayName }) => displayName), [members, readUpTo, handle, own]);
  const divider = useDivider(asSeen ? NOTHING : items, room, own);
  const reading = useReading(handle, room, () => seen());
  useAnnouncement(items, state.atEnd, own, nameOf);

  // Where it is before rows leave the page: with fewer pixels than that the browser moves it by itself.
  const drawnAt = scroller.current?.scrollTop;
  const settle = (top?: number) => {
    const box = scroller.current;
    if (!box) return; // the room is left
    const { current } = scroll;
    top ??= below(box) <= 1 ? Math.max(box.scrollTop, current.top) : box.scrollTop;
    if (current.jump !== undefined) {
      const row = [...list.current!.children].find((each) => (each as HTMLElement).dataset["message"] === current.jump) as HTMLElement | undefined;
      if (row) {
        current.jump = undefined;
        row.scrollIntoView({ block: "center" });
        row.focus();
        current.atEnd = false;
      }
    } else if (current.atEnd && view.top === undefined) box.scrollTop = box.scrollHeight;
    else if (current.anchor?.row.isConnected) box.scrollTop = top + current.anchor.row.offsetTop - current.anchor.offset;
    current.top = box.scrollTop;
    remember();
  };
  /** Notes a row that is seen, so that it stays where it is whatever comes above it. */
  const remember = () => {
    const box = scroller.current!;
    const rows = list.current!.children as HTMLCollectionOf<HTMLElement>;
    const top = box.scrollTop;
    const row = rows[firstOf(rows, (each) => each.offsetTop + each.offsetHeight > top)];
    scroll.current.anchor = row && { row, offset: row.offsetTop };
  };
  /** Moves what is in the page, and fetches more, where the user comes near to an end of it. */
  const reach = () => {
    const box = scroller.current!;
    const { direction } = scroll.current;
    const idle = !state.loading && !state.problem && !asSeen;
    if (direction <= 0 && box.scrollTop < NEAR) {
      if (from > 0) setView(up(items, view));
      else if (!state.atBeginning && idle && items.length > 0) {
        setView(held(items, view));
        void handle.timeline.loadOlder().catch(() => {});
      }
    } else if (direction >= 0 && below(box) < NEAR) {
      if (to < items.length) setView(down(items, view, state.atEnd));
      else if (!state.atEnd && idle && items.length > 0) void handle.timeline.loadNewer().catch(() => {});
    }
    if (scroll.current.atEnd && state.atEnd && to === items.length && view.top !== undefined) setView(END);
  };
  const seen = () => {
    const box = scroller.current;
    if (!box || !room?.unread || asSeen) return; // undefined: the room is left
    const end = box.scrollTop + box.clientHeight;
    const rows = [...list.current!.children] as HTMLElement[];
    for (let i = rows.length - 1; i >= 0; i--) {
      const { state, message } = items[from + i] ?? {};
      if (message && state === "sent" && rows[i]!.offsetTop + Math.min(rows[i]!.offsetHeight, 40) <= end) return reading.sees(message);
    }
    if (items.length === 0 && state.atBeginning && state.atEnd) reading.sees(undefined);
  };
  const scrolled = () => {
    const box = scroller.current!;
    const { current } = scroll;
    if (box.scrollTop !== current.top) current.direction = Math.sign(box.scrollTop - current.top);
    current.top = box.scrollTop;
    current.atEnd = below(box) < AT_END;
    setAtEnd(current.atEnd);
    if (!current.atEnd && view.top === undefined) setView(held(items, view));
    remember();
    reach();
    seen();
  };

  useLayoutEffect(() => {
    handle.timeline.keepsOldest = from + to < items.length; // where the user is stays, however much comes
    settle(drawnAt);
    reach();
    seen();
  });
  useEffect(() => {
    // Pictures and the window change heights without a word to anybody.
    const observer = new ResizeObserver(() => settle());
    observer.observe(list.current!);
    observer.observe(scroller.current!);
    return () => observer.disconnect();
  }, [view]);
  useEffect(() => {
    const shown = () => seen();
    document.addEventListener("visibilitychange", shown);
    addEventListener("focus", shown);
    return () => {
      document.removeEventListener("visibilitychange", shown);
      removeEventListener("focus", shown);
    };
  });
  const again = () => {
    const { items, atBeginning } = handle.timeline.getSnapshot();
    void (items.length === 0 ? handle.timeline.load() : atBeginning ? handle.timeline.loadNewer() : handle.timeline.loadOlder()).catch(() => {});
  };
  useEffect(() => {
    const back = () => {
      if (handle.timeline.getSnapshot().problem?.temporary) again();
      reading.wake();
    };
    if (connection.status === "live") back();
    addEventListener("online", back); // the stream may have survived that there was no network, and says nothing then
    return () => removeEventListener("online", back);
  }, [connection.status]);
  useEffect(() => {
    if (!state.problem?.temporary || (!asSeen && items.some(({ state }) => state === "sent"))) return;
    const timer = setTimeout(again, Math.max(AGAIN, (state.problem.retryAfter ?? 0) * 1000));
    return () => clearTimeout(timer);
  }, [state.problem]);

  const jump = useStable((id: string) => {
    scroll.current.jump = id;
    const index = items.findIndex(({ message }) => message.messageId === id);
    if (index >= 0) setView({ top: items[Math.max(0, index - 40)]!.key, at: Math.max(0, index - 40) });
    else
      void session.attempt(handle.timeline.load(id)).then((done) => {
        if (!done) scroll.current.jump = undefined;
        else setView({ top: handle.timeline.getSnapshot().items[0]?.key, at: 0 });
      });
  });
  const newest = () => {
    scroll.current = { atEnd: true, top: 0, direction: 0, anchor: undefined, jump: undefined };
    setAtEnd(true);
    if (!state.atEnd) void session.attempt(handle.timeline.load()).then(() => setView(END));
    setView(END);
    requestAnimationFrame(() => settle());
  };
  // While newer ones are missing the last one here is not the last, and its readers would go when those come.
  const lastOwn = state.atEnd ? items.findLast(({ message, state }) => state === "sent" && message.senderId === own && message.msgType !== "RoomChange") : undefined;
  const readers = lastOwn ? readersOf(lastOwn.message, members, readUpTo, items, own) : [];
  return (
    <div class="timeline-frame">
      <div class="timeline" ref={scroller} onScroll={scrolled} tabIndex={0} role="region" aria-label={texts.text("room.messages")} onKeyDown={moveFocus}>
        {state.atBeginning && from === 0 && <p class="quiet beginning">{texts.text("room.beginning")}</p>}
        {!state.atBeginning && <p class="quiet beginning">{state.loading ? texts.text("loading") : ""}</p>}
        <ol ref={list} class="messages" role="list">
          {items.slice(from, to).map((item, i) => {
            const before = items[from + i - 1];
            return (
              <MessageRow
                key={item.key}
                item={item}
                own={item.state !== "sent" || item.message.senderId === own}
                mentioned={item.message.mentions?.includes(own) ?? false}
                first={!before || !together(before.message, item.message)}
                day={!before || !sameDay(new Date(before.message.createdAt), new Date(item.message.createdAt)) ? texts.dayOf(item.message.createdAt) : undefined}
                isNew={item.key === divider}
                nameOf={nameOf}
                handle={handle}
                readers={item === lastOwn ? readers.map(({ displayName }) => displayName) : undefined}
                onWriting={onWriting}
                onJump={jump}
                readersOf={readersIn}
              />
            );
          })}
        </ol>
      </div>
      {asSeen && before && (
        <div class="notice">
          <Seen at={before.at}>
            {state.problem && (
              <button type="button" class="button" onClick={again}>
                {texts.text("retry")}
              </button>
            )}
          </Seen>
        </div>
      )}
      {state.problem && !asSeen && (
        <p class="notice" role="alert">
          {texts.text("room.loadFailed", { reason: reasonOf(texts, state.problem) })}
          <button type="button" class="button" onClick={again}>
            {texts.text("retry")}
          </button>
        </p>
      )}
      {!state.problem && !asSeen && connection.status === "live" && !state.caughtUp && items.length > 0 && (
        <p class="notice" role="status">
          {texts.text("room.catchingUp")}
        </p>
      )}
      {(!atEnd || !state.atEnd) && items.length > 0 && (
        <span class="to-newest">
          <IconButton icon="down" name="newest" label={texts.text("room.newest")} onClick={newest} />
          {room !== undefined && room.unreadCount > 0 && <span class="badge">{texts.number(room.unreadCount)}</span>}
        </span>
      )}
    </div>
  );
}

interface Scroll {
  atEnd: boolean;
  /** Where it was last, whoever has moved it. */
  top: number;
  /** Where the user has moved it to: -1 up, 1 down, 0 not yet. */
  direction: number;
  anchor: { row: HTMLElement; offset: number } | undefined;
  /** The message that is to be shown as soon as it is there. */
  jump: string | undefined;
}

/** How much there is under what is seen, pixels. */
function below(box: HTMLElement): number {
  return box.scrollHeight - box.scrollTop - box.clientHeight;
}

/** Arrows go from message to message. */
function moveFocus(event: KeyboardEvent): void {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  const target = event.target as HTMLElement;
  if (target.closest("dialog, input, textarea")) return;
  const row = target.closest<HTMLElement>(".message");
  const box = event.currentTarget as HTMLElement;
  const rows = box.querySelectorAll<HTMLElement>(".message");
  const next = row ? (event.key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling) : rows[rows.length - 1];
  if (!(next instanceof HTMLElement)) return;
  event.preventDefault();
  next.focus();
}

/** The message before which is said that it is new: it stays where it was when the room was opened. */
function useDivider(items: readonly TimelineItem[], room: Room | undefined, own: string): string | undefined {
  const found = useRef<{ key: string | undefined } | undefined>(undefined);
  const unread = useRef<number | undefined>(undefined);
  if (unread.current === undefined && room) unread.current = room.unreadCount;
  if (!found.current && items.length > 0 && unread.current !== undefined) {
    let left = unread.current;
    let key: string | undefined;
    for (let i = items.length - 1; i >= 0 && left > 0; i--) {
      const { message } = items[i]!;
      if (message.senderId === own || message.msgType === "RoomChange") continue;
      key = items[i]!.key;
      left--;
    }
    found.current = { key: left === 0 ? key : undefined };
  }
  return found.current?.key;
}

/** What marks as read what is seen, while the page is visible. `look` says what is. */
function useReading(handle: RoomHandle, room: Room | undefined, look: () => void): Reading {
  const now = useRef({ room, look });
  now.current = { room, look };
  const reading = useMemo(
    () =>
      new Reading({
        wanted: () => document.visibilityState === "visible" && document.hasFocus() && now.current.room?.unread === true,
        mark: (upTo) => handle.markRead(upTo),
        look: () => now.current.look(),
      }),
    [handle],
  );
  useEffect(() => () => reading.close(), [reading]);
  return reading;
}

/** Says what others write to who does not see it. */
function useAnnouncement(items: readonly TimelineItem[], atEnd: boolean, own: string, nameOf: (user: string) => string): void {
  const last = useRef<string | undefined>(undefined);
  const texts = useTexts();
  useEffect(() => {
    const item = items[items.length - 1];
    const before = last.current;
    last.current = item?.key;
    if (!item || before === undefined || before === item.key || !atEnd || item.message.senderId === own || item.state !== "sent") return;
    const region = document.getElementById("announcements");
    if (region) region.textContent = texts.text("preview.of", { name: nameOf(item.message.senderId), text: plainText(texts, item.message) });
  }, [items]);
}

function together(a: Message, b: Message): boolean {
  return a.senderId === b.senderId && a.msgType !== "RoomChange" && b.msgType !== "RoomChange" && Date.parse(b.createdAt) - Date.parse(a.createdAt) < TOGETHER && sameDay(new Date(a.createdAt), new Date(b.createdAt));
}

/** Who has read a message. */
function readersOf(message: Message, members: readonly Member[], readUpTo: Readonly<Record<string, string>>, items: readonly TimelineItem[], own: string): Member[] {
  return members.filter(({ id, lastMessageReadAt }) => {
    if (id === own || id === message.senderId) return false;
    if ((lastMessageReadAt ?? "") >= message.createdAt) return true;
    const upTo = readUpTo[id];
    return upTo !== undefined && items.some((item) => item.message.messageId === upTo && item.message.createdAt >= message.createdAt);
  });
}
