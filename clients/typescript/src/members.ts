import { Reload } from "./list.js";
import type { Problem } from "./problem.js";
import type { Requests } from "./request.js";
import { Value, type Store } from "./store.js";
import type { Member, StreamEvent } from "./types.js";

export interface MembersState {
  /** Those who left too. */
  members: readonly Member[];
  /** Up to which message others have read, by user, as far as it was told since this is open. */
  readUpTo: Readonly<Record<string, string>>;
  loaded: boolean;
  problem?: Problem;
}

/** Who is in a room, and what they have read. */
export class Members implements Store<MembersState> {
  private readonly value = new Value<MembersState>({ members: [], readUpTo: {}, loaded: false });
  private readonly reload: Reload<StreamEvent>;
  readonly subscribe = this.value.subscribe;
  readonly getSnapshot = this.value.getSnapshot;

  constructor(
    private readonly room: string,
    requests: Pick<Requests, "call">,
  ) {
    this.reload = new Reload<StreamEvent>(
      async (signal) => {
        const { data } = await requests.call<Member[]>("GET", `/api/rooms/${room}/users`, { signal });
        return () => this.set({ members: [...data], loaded: true });
      },
      (event) => this.apply(event),
      (_, problem) => this.told(problem),
    );
  }

  load(): Promise<void> {
    return this.reload.now();
  }

  event(event: StreamEvent): void {
    this.reload.event(event);
  }

  /** After a Resync: whoever has looked at the members sees them as they are now. */
  resync(): void {
    if (this.value.getSnapshot().loaded) void this.load();
  }

  wake(): void {
    this.reload.wake();
  }

  close(): void {
    this.reload.close();
  }

  private apply(event: StreamEvent): void {
    if (event.type === "RoomChangeEvent" && event.message.chatRoomId === this.room) {
      const body = event.message.msgBody;
      if (!("related_user" in body)) return;
      const member = body.related_user;
      const { members } = this.value.getSnapshot();
      const before = members.find(({ id }) => id === member.id);
      this.set({ members: before ? members.map((each) => (each === before ? member : each)) : [...members, member] });
    }
    if (event.type === "UserReadChat" && event.roomId === this.room) {
      const { members, readUpTo } = this.value.getSnapshot();
      this.set({
        readUpTo: { ...readUpTo, [event.userId]: event.messageId },
        members: members.map((member) =>
          member.id === event.userId && (member.lastMessageReadAt ?? "") < event.createdAt ? { ...member, lastMessageReadAt: event.createdAt } : member,
        ),
      });
    }
  }

  private set(change: Partial<MembersState>): void {
    this.value.set({ ...this.value.getSnapshot(), ...change });
  }

  private told(problem: Problem | undefined): void {
    const { problem: _, ...rest } = this.value.getSnapshot();
    this.value.set({ ...rest, ...(problem && { problem }) });
  }
}
