import { Reload } from "./list.js";
import { known, listOf, problemOf, type Problem } from "./problem.js";
import type { Requests } from "./request.js";
import { Value, type Store } from "./store.js";
import type { Message, Room, StreamEvent } from "./types.js";
import { Unread } from "./unread.js";

export interface RoomsState {
  /** The one with the newest message first. `unreadCount` and `unread` are as of now. */
  rooms: readonly Room[];
  /** The sum of what is unread. */
  unread: number;
  loaded: boolean;
  loading: boolean;
  problem?: Problem;
}

interface Entry {
  room: Room;
  unread: Unread;
  /** Where the newest message is that the room's preview shows, as far as that is known. */
  latest: string;
  /** Not opened since it is new: unread, though nothing may be in it. */
  untouched: boolean;
}

/** The rooms that the user is in. */
export class Rooms implements Store<RoomsState> {
  private readonly entries = new Map<string, Entry>();
  private readonly value = new Value<RoomsState>({ rooms: [], unread: 0, loaded: false, loading: false });
  private readonly reload: Reload<StreamEvent>;
  /** Rooms that are asked for one by one, with what has happened in them since. */
  private readonly asked = new Map<string, StreamEvent[]>();
  private told: { loading: boolean; problem: Problem | undefined } = { loading: false, problem: undefined };
  private loaded = false;
  readonly subscribe = this.value.subscribe;
  readonly getSnapshot = this.value.getSnapshot;

  constructor(
    private readonly requests: Pick<Requests, "call">,
    private readonly own: (message: Message) => boolean | undefined,
  ) {
    this.reload = new Reload<StreamEvent>(
      (signal) => this.all(signal),
      (event) => this.apply(event),
      (loading, problem) => {
        this.told = { loading, problem };
        this.publish();
      },
    );
  }

  /** Loads all rooms; done when they are there. */
  load(): Promise<void> {
    return this.reload.now();
  }

  /** One room as it is now; undefined: the user is not in it, or it is not loaded. */
  get(id: string): Room | undefined {
    return this.value.getSnapshot().rooms.find((room) => room.id === id);
  }

  resync(): void {
    void this.load();
  }

  event(event: StreamEvent): void {
    this.asked.get(roomOf(event) ?? "")?.push(event);
    this.reload.event(event);
    this.publish();
  }

  /** An answer to a request of the user's: a room that it has made. */
  answered(room: Room): void {
    this.put(room);
    this.publish();
  }

  left(id: string): void {
    this.event({ type: "LeaveRoom", roomId: id, createdAt: "" });
  }

  wake(): void {
    this.reload.wake();
  }

  close(): void {
    this.reload.close();
  }

  private async all(signal: AbortSignal): Promise<() => void> {
    const rooms: Room[] = [];
    let cursor: string | undefined;
    do {
      // caughtUp: what the stream does not give any more, the answer has.
      const { data, headers } = await this.requests.call<Room[]>("GET", "/api/rooms", { query: { caughtUp: true, cursor }, signal });
      rooms.push(...listOf(data, "id"));
      cursor = headers.get("X-Next-Cursor") ?? undefined;
    } while (cursor !== undefined);
    return () => {
      const there = new Set(rooms.map((room) => room.id));
      for (const id of [...this.entries.keys()]) if (!there.has(id)) this.entries.delete(id);
      for (const room of rooms) this.put(room);
      this.loaded = true;
    };
  }

  private put(room: Room): void {
    const before = this.entries.get(room.id);
    const unread = before?.unread ?? new Unread(room);
    unread.counted(room);
    const isOlder = before !== undefined && before.latest > room.unreadAsOf; // the stream has shown a message that the answer has not
    const { latestMessage, latestMessagePreviewText } = isOlder ? before.room : room;
    this.entries.set(room.id, {
      room: { ...room, latestMessage, latestMessagePreviewText },
      unread,
      latest: isOlder ? before.latest : room.unreadAsOf,
      untouched: room.unread && room.unreadCount === 0,
    });
  }

  private apply(event: StreamEvent): void {
    switch (event.type) {
      case "NewRoom":
        return this.put(event.room);
      case "LeaveRoom":
        this.entries.delete(event.roomId);
        this.asked.delete(event.roomId); // an answer that is under way may be older
        return;
      case "RoomChanged":
        return this.update(event.room.id, (entry) => {
          const { id, roomName, roomImageUrl } = event.room;
          // A Single room has the other user's name and picture, which this event does not tell.
          if (entry.room.roomType === "Group") entry.room = { ...entry.room, id, roomName, roomImageUrl };
        });
      case "UnreadChanged":
        return this.update(event.roomId, (entry) => {
          entry.unread.counted(event);
          entry.untouched = false;
        });
      case "ChatMessage":
      case "RoomChangeEvent":
        return this.message(event.message, event.roomPreviewText, event.position, event.type === "ChatMessage");
      case "MessageEdited":
      case "MessageDeleted":
        return this.update(event.message.chatRoomId, (entry) => {
          if (entry.room.latestMessage === event.message.createdAt) entry.room = { ...entry.room, latestMessagePreviewText: event.roomPreviewText };
        });
    }
  }

  private message(message: Message, preview: Room["latestMessagePreviewText"], position: string | undefined, counts: boolean): void {
    const { chatRoomId, createdAt } = message;
    if (!this.entries.has(chatRoomId)) return this.ask(chatRoomId);
    this.update(chatRoomId, (entry) => {
      if (position === undefined) return this.ask(chatRoomId); // where it is, and so what it counts, is told by the server alone
      const own = this.own(message) === true;
      if (counts) entry.unread.message(position, own);
      if (own) entry.untouched = false;
      if (position <= entry.latest) return;
      entry.latest = position;
      entry.room = { ...entry.room, latestMessage: createdAt, latestMessagePreviewText: preview };
    });
  }

  private update(id: string, change: (entry: Entry) => void): void {
    const entry = this.entries.get(id);
    if (entry) change(entry);
  }

  /** Asks for a room of which something was told that does not fit. */
  private ask(id: string): void {
    if (!this.loaded || this.asked.has(id)) return;
    const meanwhile: StreamEvent[] = [];
    this.asked.set(id, meanwhile);
    const done = () => this.asked.get(id) === meanwhile && this.asked.delete(id);
    this.requests
      .call<Room>("GET", `/api/rooms/${id}`, { query: { caughtUp: true } })
      .then(({ data }) => {
        if (!done()) return;
        this.put(known(data, "id"));
        for (const event of meanwhile) this.apply(event); // the answer may be older
        this.publish();
      })
      .catch((thrown: unknown) => {
        done();
        if (problemOf(thrown).temporary) void this.load();
      });
  }

  private publish(): void {
    const rooms = [...this.entries.values()]
      .map(({ room, unread, untouched }) => {
        const unreadCount = unread.count;
        const isUnread = unreadCount > 0 || untouched;
        if (room.unreadCount === unreadCount && room.unread === isUnread && room.unreadAsOf === unread.asOf) return room;
        return { ...room, unreadCount, unread: isUnread, unreadAsOf: unread.asOf };
      })
      .sort((a, b) => (a.latestMessage < b.latestMessage ? 1 : a.latestMessage > b.latestMessage ? -1 : 0));
    const { loading, problem } = this.told;
    this.value.set({
      rooms,
      unread: rooms.reduce((sum, room) => sum + room.unreadCount, 0),
      loaded: this.loaded,
      loading,
      ...(problem && { problem }),
    });
  }
}

/** The room that an event is about. */
function roomOf(event: StreamEvent): string | undefined {
  const { roomId, room, message } = event as { roomId?: string; room?: { id: string }; message?: { chatRoomId: string } };
  return roomId ?? room?.id ?? message?.chatRoomId;
}
