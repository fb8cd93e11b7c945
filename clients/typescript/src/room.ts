import type { Members } from "./members.js";
import type { Outbox } from "./outbox.js";
import { known } from "./problem.js";
import type { Requests } from "./request.js";
import type { Timeline } from "./timeline.js";
import type { EditRequest, Message, PublicRoom, SendRequest } from "./types.js";

/** What can be done in a room. */
export class RoomHandle {
  constructor(
    readonly id: string,
    readonly timeline: Timeline,
    readonly members: Members,
    private readonly requests: Pick<Requests, "call">,
    private readonly outbox: Outbox,
    private readonly left: () => void,
  ) {}

  /**
   * Sends a text, or any message. It returns at once: the message is in the timeline as `sending` until it is `sent` or `failed`. What it gives is the item's
   * key, for retry and discard.
   */
  send(what: string | Pick<SendRequest, "msgType" | "msgBody">, options: { mentions?: string[] } = {}): string {
    const content = typeof what === "string" ? { msgType: "Text" as const, msgBody: { text: what } } : what;
    const { msgType, msgBody } = content;
    return this.outbox.add({ chatRoomId: this.id, msgType, msgBody, ...(options.mentions?.length && { mentions: options.mentions }) }).clientMsgId;
  }

  reply(to: Message, text: string, options: { mentions?: string[] } = {}): string {
    const msgBody = { replyMsgId: to.messageId, replyCreatedAt: to.createdAt, replyText: text };
    return this.send({ msgType: "Reply", msgBody }, options);
  }

  /** Tries a message again that has failed. */
  retry(key: string): void {
    this.outbox.retry(key);
  }

  /** Gives a message up that has failed. */
  discard(key: string): void {
    this.outbox.discard(key);
  }

  /** Gives a message another body; with `ifUnchanged` only if it still is as it is here, else the Problem is `message-changed`. */
  async edit(message: Message, msgBody: EditRequest["msgBody"], options: { ifUnchanged?: boolean } = {}): Promise<Message> {
    const headers = options.ifUnchanged ? { "If-Match": `"${message.deletedAt ?? message.editedAt ?? message.createdAt}"` } : {};
    const { data } = await this.requests.call<Message>("PATCH", this.pathOf(message), { body: { msgBody }, headers });
    this.timeline.answered({ kind: "edited", message: known(data, "messageId") });
    return data;
  }

  async delete(message: Message): Promise<Message> {
    const { data } = await this.requests.call<Message>("DELETE", this.pathOf(message));
    this.timeline.answered({ kind: "deleted", message: known(data, "messageId") });
    return data;
  }

  /** Marks the room as read, up to a message or all of it. All devices of the user are told. */
  async markRead(upTo?: Message): Promise<void> {
    await this.requests.call("POST", `${this.path}/mark-read`, upTo && { body: { messageId: upTo.messageId } });
  }

  /** Marks the room as unread from a message on, or from the newest of others. */
  async markUnread(from?: Message): Promise<void> {
    await this.requests.call("POST", `${this.path}/mark-read`, { body: { unread: true, ...(from && { messageId: from.messageId }) } });
  }

  async invite(user: string): Promise<void> {
    await this.requests.call("POST", `${this.path}/invite/${user}`);
  }

  async rename(roomName: string): Promise<PublicRoom> {
    return (await this.requests.call<PublicRoom>("PATCH", this.path, { body: { roomName } })).data;
  }

  async leave(): Promise<void> {
    await this.requests.call("POST", `${this.path}/leave`);
    this.left();
  }

  private get path(): string {
    return `/api/rooms/${this.id}`;
  }

  private pathOf(message: Message): string {
    return `${this.path}/messages/${message.messageId}`;
  }
}
