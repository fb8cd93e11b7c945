import type { Client } from "./client.js";
import { Loaded, type LoadedState } from "./list.js";
import { known, listOf } from "./problem.js";
import type { Requests } from "./request.js";
import type { InboxEntry, StreamEvent } from "./types.js";

export interface NotificationsState extends LoadedState {
  /** The newest first. */
  entries: readonly InboxEntry[];
  unread: number;
  /** Whether loadOlder() brings more. */
  more: boolean;
}

/** What is on streams is in the inbox some 400 ms later: from then on it can be asked for, milliseconds. */
const IN_THE_INBOX = 700;

/** The inbox of a client's user, from now on up to date; load() loads it. */
export function notifications(client: Client): Notifications {
  return client.use(new Notifications(client.requests));
}

/** The user's inbox. */
export class Notifications extends Loaded<NotificationsState> {
  private older: string | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly http: Pick<Requests, "call">) {
    super({ entries: [], unread: 0, more: false, loaded: false }, async (signal) => {
      const [page, unread] = await Promise.all([
        http.call<InboxEntry[]>("GET", "/api/notifications", { signal }),
        http.call<{ unreadCount: number }>("GET", "/api/notifications/unread", { signal }),
      ]);
      const { unreadCount } = known(unread.data, "unreadCount");
      const entries = listOf(page.data, "notificationId");
      return () => {
        this.older = page.headers.get("X-Next-Cursor") ?? undefined;
        return { entries, unread: unreadCount, more: this.older !== undefined };
      };
    });
  }

  async loadOlder(): Promise<void> {
    const cursor = this.older;
    if (cursor === undefined) return;
    const { data, headers } = await this.http.call<InboxEntry[]>("GET", "/api/notifications", { query: { cursor, direction: "older" } });
    if (cursor !== this.older) return; // loaded anew meanwhile
    this.older = headers.get("X-Next-Cursor") ?? undefined;
    const { entries } = this.getSnapshot();
    const there = new Set(entries.map(({ notificationId }) => notificationId));
    this.set({ entries: [...entries, ...listOf(data, "notificationId").filter(({ notificationId }) => !there.has(notificationId))], more: this.older !== undefined });
  }

  /** Marks as read: all up to an entry's cursor, or single ones. */
  async read(what: { upTo: string } | { notificationIds: string[] }): Promise<void> {
    const { data } = await this.http.call<{ unreadCount: number }>("POST", "/api/notifications/read", { body: what });
    this.mark({ ...what, unreadCount: known(data, "unreadCount").unreadCount });
  }

  override event(event: StreamEvent): void {
    if (event.type === "NotificationsRead") return super.event(event);
    if (!["SystemMessage", "FriendRequestReceived", "FriendRequestAccepted", "NewRoom", "LeaveRoom"].includes(event.type)) return;
    if (!this.getSnapshot().loaded) return;
    // The entry, its cursor and the count are the inbox's to tell, once for many.
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.load();
    }, IN_THE_INBOX);
  }

  override close(): void {
    clearTimeout(this.timer);
    super.close();
  }

  protected apply(event: StreamEvent): void {
    if (event.type === "NotificationsRead") this.mark(event);
  }

  private mark(read: { upTo?: string; notificationIds?: string[]; unreadCount: number }): void {
    const { entries } = this.getSnapshot();
    let upTo = read.upTo !== undefined ? entries.findIndex(({ cursor }) => cursor === read.upTo) : -1;
    if (read.upTo !== undefined && upTo < 0) {
      void this.load(); // cursors are opaque: of one that is not here nothing can be said
      upTo = entries.length;
    }
    const ids = new Set(read.notificationIds);
    this.set({
      unread: read.unreadCount,
      entries: entries.map((entry, i) => (!entry.read && ((upTo >= 0 && i >= upTo) || ids.has(entry.notificationId)) ? { ...entry, read: true } : entry)),
    });
  }
}
