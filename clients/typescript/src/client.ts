import { Members } from "./members.js";
import { Outbox, type OutboxStorage } from "./outbox.js";
import { known, type Problem } from "./problem.js";
import { Requests, type RequestOptions } from "./request.js";
import { RoomHandle } from "./room.js";
import { Rooms } from "./rooms.js";
import { tell, type Store } from "./store.js";
import { LiveStream, type Connection, type Stream, type StreamOptions } from "./stream.js";
import { Timeline, type TimelineItem, type TimelineLimits } from "./timeline.js";
import { Tokens, claimsOf, type GetToken } from "./token.js";
import type { Message, Room, StreamEvent, StreamTicket, User } from "./types.js";
import { surroundings, type Surroundings } from "./wake.js";

export interface ClientOptions {
  /** Where ISM is, for example https://chat.example.com. */
  url: string;
  /** Gives an access token of the user. It is asked when there is none, when one was refused, and before one expires, once at a time. */
  getToken: GetToken;
  /** The user's id in ISM. Without it it is taken from the token, and from answers: needed where the subjects of tokens are not the ids of users. */
  userId?: string;
  /** Where messages wait that are not sent yet; without it in memory. See `@ism-chat/client/offline`. */
  storage?: OutboxStorage;
  /** How much each timeline keeps. */
  timeline?: TimelineLimits;
  fetch?: typeof globalThis.fetch;
  /** What becomes of the stream while the page is hidden: `keep`, or after how many milliseconds it is parked until the page is seen again. */
  hidden?: "keep" | number;
  /** Has all tabs of this browser use one stream: `share: shared()`, of `@ism-chat/client/shared`. */
  share?: Share;
  /** Told of what no call gives back: a storage that is full or forbidden. */
  onProblem?: (problem: Problem) => void;
  /** What tells that the page or the network is back, where it is not the browser. */
  surroundings?: Surroundings;
}

/** Makes a client's stream. `identity` names the user and the installation; undefined: the token does not say who that is. */
export type Share = (options: StreamOptions, identity: () => Promise<string | undefined>) => Stream;

/** What the stream keeps up to date. */
export interface Part {
  event(event: StreamEvent): void;
  /** Something was lost: load anew what is there. */
  resync(): void;
  /** The connection is back: no more waiting. */
  wake(): void;
  close(): void;
}

/** What a timeline keeps at least, so that what is looked at does not go, and each page leads on. */
const MIN_MESSAGES = 200;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A user's connection to ISM, and all that is known by it. */
export class Client {
  readonly connection: Store<Connection>;
  readonly rooms: Rooms;
  /** Makes requests of ISM's API, with the user's token. */
  readonly requests: Requests;
  private readonly tokens: Tokens;
  private readonly stream: Stream;
  private readonly outbox: Outbox;
  private readonly open = new Map<string, RoomHandle>();
  private readonly parts = new Set<Part>();
  private readonly listeners = new Set<(event: StreamEvent) => void>();
  private user: string | undefined;
  private wasLive = false;
  private readonly ignoreNetwork: () => void;
  private readonly limits: TimelineLimits;

  constructor(options: ClientOptions) {
    const fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.user = options.userId;
    const { messages, ...limits } = options.timeline ?? {};
    this.limits = messages === undefined ? limits : { ...limits, messages: Math.max(messages, MIN_MESSAGES) };
    this.tokens = new Tokens(async () => {
      const token = await options.getToken();
      const { sub } = claimsOf(token);
      if (typeof sub === "string" && UUID.test(sub)) this.user ??= sub.toLowerCase();
      return token;
    });
    const base = options.url.replace(/\/+$/, "");
    this.requests = new Requests(base, this.tokens, fetch);
    this.rooms = new Rooms(this.requests, (message) => this.own(message));
    this.use(this.rooms);
    this.outbox = new Outbox({
      storage: options.storage,
      send: async ({ request, clientMsgId }, signal) =>
        known((await this.requests.call<Message>("POST", "/api/send-msg", { body: request, headers: { "Idempotency-Key": clientMsgId }, signal })).data, "messageId"),
      sent: (message) => {
        if (options.userId === undefined) this.user = message.senderId;
        this.open.get(message.chatRoomId)?.timeline.answered({ kind: "new", message, position: message.position });
      },
      changed: (room) => this.open.get(room)?.timeline.localChanged(),
      storageFailed: (problem) => options.onProblem?.(problem),
    });
    const around = options.surroundings ?? surroundings();
    // The stream may have survived what the browser calls offline, and then does not say that it is live again; and a tab may be gone that had something to send.
    this.ignoreNetwork = around.onWake(() => this.wake());
    const stream: StreamOptions = {
      open: (path, request) => this.requests.open("GET", path, request),
      call: (method, path, request) => this.requests.call(method, path, request),
      renewToken: () => this.tokens.renewNext(),
      event: (event) => this.apply(event as StreamEvent),
      resync: () => this.resync(),
      surroundings: around,
      hidden: options.hidden ?? "keep",
    };
    this.stream = options.share
      ? options.share(stream, async () => {
          const { iss, sub } = claimsOf(await this.tokens.get());
          return (sub ?? options.userId) === undefined ? undefined : JSON.stringify([base, options.userId, iss, sub]);
        })
      : new LiveStream(stream);
    this.connection = this.stream.state;
    this.connection.subscribe(() => {
      const live = this.connection.getSnapshot().status === "live";
      if (live && !this.wasLive) this.wake();
      this.wasLive = live;
    });
  }

  /** The user's id in ISM, as far as it is known. */
  get userId(): string | undefined {
    return this.user;
  }

  /** Asks who the user is: its id does not always follow from the token, see `userId`. */
  async me(): Promise<User> {
    const { data } = await this.requests.call<User>("GET", "/api/users/me");
    this.user = known(data, "id").id;
    return data;
  }

  /** Opens the stream, and keeps it open: all stores are up to date from then on. It returns at once, see `connection`. */
  connect(): void {
    this.stream.start();
  }

  /** Ends everything. What is not sent stays where it is kept. */
  close(): void {
    this.ignoreNetwork();
    this.stream.close();
    this.outbox.close();
    for (const part of this.parts) part.close();
  }

  /** A room: its timeline, its members, and what can be done in it. The same object each time. */
  room(id: string): RoomHandle {
    let handle = this.open.get(id);
    if (!handle) {
      const timeline = new Timeline({
        room: id,
        limits: this.limits,
        call: (method, path, options) => this.requests.call(method, path, options),
        local: () => this.localOf(id),
        own: (message) => this.own(message),
        sentHere: (name) => this.outbox.named(name),
      });
      handle = new RoomHandle(id, timeline, new Members(id, this.requests), this.requests, this.outbox, () => this.rooms.left(id));
      this.open.set(id, handle);
      timeline.localChanged();
      this.use(timeline);
      this.use(handle.members);
    }
    return handle;
  }

  /** Lets go of a room that is not shown any more. What waits to be sent in it is sent. */
  release(id: string): void {
    const handle = this.open.get(id);
    if (!handle) return;
    this.open.delete(id);
    for (const part of [handle.timeline, handle.members]) {
      this.parts.delete(part);
      part.close();
    }
  }

  /** Has the stream keep something else up to date, as friends() and notifications() do. */
  use<T extends Part>(part: T): T {
    this.parts.add(part);
    return part;
  }

  /** Creates a room; the user must be among the invited. */
  async createRoom(room: { roomType: "Single" | "Group"; roomName?: string; invitedUsers: string[] }): Promise<Room> {
    const { data } = await this.requests.call<Room>("POST", "/api/rooms/create-room", { body: room });
    this.rooms.answered(known(data, "id"));
    return data;
  }

  /** Listens to the events of the stream, after the stores have them. Types that this version does not know come, too. Gives what ends it. */
  on(listener: (event: StreamEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** A ticket that opens one stream without a token, for an EventSource of the app's own. */
  async ticket(): Promise<StreamTicket> {
    return (await this.requests.call<StreamTicket>("POST", "/api/sse/ticket")).data;
  }

  /** Any request of ISM's API, with the user's token. */
  async request<T>(method: string, path: string, options?: RequestOptions): Promise<T> {
    return (await this.requests.call<T>(method, path, options)).data;
  }

  private own(message: Message): boolean | undefined {
    return this.user === undefined ? undefined : message.senderId === this.user;
  }

  private localOf(room: string): TimelineItem[] {
    return this.outbox.of(room).map(({ entry, problem }) => ({
      key: entry.clientMsgId,
      state: entry.failed ? ("failed" as const) : ("sending" as const),
      message: {
        chatRoomId: room,
        messageId: "",
        senderId: this.user ?? "",
        clientMsgId: entry.clientMsgId,
        msgType: entry.request.msgType,
        msgBody: entry.request.msgBody as Message["msgBody"],
        createdAt: entry.createdAt,
        ...(entry.request.mentions && { mentions: entry.request.mentions }),
      },
      ...(problem && { problem }),
    }));
  }

  private apply(event: StreamEvent): void {
    for (const part of this.parts) part.event(event);
    tell(this.listeners, event);
  }

  private resync(): void {
    for (const part of this.parts) part.resync();
  }

  private wake(): void {
    this.outbox.wake();
    for (const part of this.parts) part.wake();
  }
}

export function createClient(options: ClientOptions): Client {
  return new Client(options);
}
