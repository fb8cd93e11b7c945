import { Loaded, type LoadedState } from "./list.js";
import { listOf } from "./problem.js";
import type { Requests } from "./request.js";
import type { Member, StreamEvent } from "./types.js";

export interface MembersState extends LoadedState {
  /** Those who left too. */
  members: readonly Member[];
  /** Up to which message others have read, by user, as far as it was told since this is open. */
  readUpTo: Readonly<Record<string, string>>;
}

/** Who is in a room, and what they have read. */
export class Members extends Loaded<MembersState> {
  constructor(
    private readonly room: string,
    requests: Pick<Requests, "call">,
  ) {
    super({ members: [], readUpTo: {}, loaded: false }, async (signal) => {
      const { data } = await requests.call<Member[]>("GET", `/api/rooms/${room}/users`, { signal });
      return () => ({ members: listOf(data, "id") });
    });
  }

  protected apply(event: StreamEvent): void {
    if (event.type === "RoomChangeEvent" && event.message.chatRoomId === this.room) {
      const body = event.message.msgBody;
      if (!("related_user" in body)) return;
      const member = body.related_user;
      const { members } = this.getSnapshot();
      const before = members.find(({ id }) => id === member.id);
      this.set({ members: before ? members.map((each) => (each === before ? member : each)) : [...members, member] });
    }
    if (event.type === "UserReadChat" && event.roomId === this.room) {
      const { members, readUpTo } = this.getSnapshot();
      this.set({
        readUpTo: { ...readUpTo, [event.userId]: event.messageId },
        members: members.map((member) =>
          member.id === event.userId && (member.lastMessageReadAt ?? "") < event.createdAt ? { ...member, lastMessageReadAt: event.createdAt } : member,
        ),
      });
    }
  }
}
