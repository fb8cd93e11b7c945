import { createClient, friends, media, notifications, type Client, type Friends, type Media, type Notifications, type Problem, type Room, type RoomHandle, type RoomsState, type Store } from "../../typescript/src/index.js";
import { indexedDBOutbox } from "../../typescript/src/offline.js";
import { shared } from "../../typescript/src/shared.js";
import { Value } from "../../typescript/src/store.js";
import { Drafts } from "./drafts.js";
import { LastSeen, type SeenRooms } from "./last-seen.js";
import { SignInError, type Person, type SignIn } from "./oidc.js";
import { pictureOf } from "./pictures.js";
import { pushEnd } from "./push.js";
import { Soon } from "./soon.js";
import { Uploads } from "./uploads.js";

/** How long signing out waits for the end of push, milliseconds. */
const PUSH_END = 3000;

/** Something that went wrong, said until it is dismissed. */
export interface Alert {
  id: number;
  /** What to say; of a problem, what it hindered. */
  key?: "settings.storage" | "signIn.again";
  problem?: Problem;
}

/** The rooms; `seenAt`: they are not loaded, and are shown as they were seen then. */
export interface ShownRooms extends RoomsState {
  seenAt?: number;
}

/** How long signing out waits until what was seen is deleted, milliseconds: a tab that hangs may hold it. */
const CLEARED = 2_000;

/** All that there is of the user who is signed in. */
export class Session {
  readonly client: Client;
  readonly friends: Friends;
  readonly inbox: Notifications;
  readonly media: Media;
  readonly uploads: Uploads;
  readonly drafts: Drafts;
  readonly seen: LastSeen;
  readonly rooms: Store<ShownRooms>;
  readonly over: Store<boolean>;
  readonly alerts: Store<readonly Alert[]>;
  private readonly ended = new Value(false);
  private readonly shown = new Value<readonly Alert[]>([]);
  private readonly listed: Value<ShownRooms>;
  private readonly keeping = new Set<Soon>();
  private readonly listKept = new Soon(() => void this.seen.keepRooms(this.userId, this.client.rooms.getSnapshot().rooms));
  private before: SeenRooms | undefined;
  private known = false;
  private lastAlert = 0;

  constructor(
    readonly person: Person,
    private readonly signIn: SignIn,
  ) {
    this.over = this.ended;
    this.alerts = this.shown;
    this.client = createClient({
      url: signIn.config.url || location.origin,
      getToken: () => this.token(),
      storage: indexedDBOutbox(person.sub),
      share: shared(),
      onProblem: () => this.alert({ key: "settings.storage" }),
    });
    this.friends = friends(this.client);
    this.inbox = notifications(this.client);
    this.media = media(this.client);
    this.uploads = new Uploads(this.media);
    this.drafts = new Drafts(person.sub, () => localStorage);
    this.seen = new LastSeen(person.sub);
    this.rooms = this.listed = new Value<ShownRooms>(this.client.rooms.getSnapshot());
    this.keeping.add(this.listKept);
    this.client.rooms.subscribe(() => this.list());
    void this.seen.rooms().then((before) => {
      this.before = before;
      this.list();
    });
    addEventListener("pagehide", this.flush);
    document.addEventListener("visibilitychange", this.flush);
    this.client.connection.subscribe(() => this.client.connection.getSnapshot().status === "live" && !this.known && void this.me());
    this.client.connect();
    void this.load();
  }

  /** Loads what the first screen shows, by whom it is seen first. */
  private async load(): Promise<void> {
    await this.me(); // what follows says what is wrong
    for (const part of [this.client.rooms, this.friends, this.inbox]) void part.load();
  }

  private async me(): Promise<void> {
    await this.client.me().then(
      () => (this.known = true),
      () => undefined,
    );
  }

  get userId(): string {
    return this.client.userId ?? this.before?.userId ?? this.person.sub;
  }

  /** Where the picture of a room is loaded, if it has one of our media's. */
  pictureOf(room: Room | undefined): string | undefined {
    return pictureOf(room?.roomImageUrl, this.signIn.config.url, location.origin);
  }

  private list(): void {
    const state = this.client.rooms.getSnapshot();
    const { before } = this;
    if (state.loaded) this.listKept.want();
    if (state.loaded || !before) return this.listed.set(state);
    this.listed.set({ ...state, rooms: before.rooms, unread: before.rooms.reduce((sum, { unreadCount }) => sum + unreadCount, 0), seenAt: before.at });
  }

  /** Keeps what is seen of a room, until the function that it gives is called. */
  look({ id, timeline, members }: RoomHandle): () => void {
    const kept = new Soon(() => {
      const { items, atEnd } = timeline.getSnapshot();
      const people = members.getSnapshot();
      if (!atEnd || !people.loaded) return; // elsewhere in the room, or not all of what is to be known
      void this.seen.keepTimeline(
        id,
        items.filter(({ state }) => state === "sent").map(({ message }) => message),
        people.members,
      );
    });
    const ends = [timeline.subscribe(() => kept.want()), members.subscribe(() => kept.want())];
    this.keeping.add(kept);
    return () => {
      for (const end of ends) end();
      kept.now();
      this.keeping.delete(kept);
    };
  }

  /** The page may be left: what waits to be kept is kept now. */
  private readonly flush = (): void => {
    this.drafts.flush();
    for (const each of this.keeping) each.now();
  };

  /** Does something, and says so where it fails. Gives whether it succeeded. */
  async attempt(work: Promise<unknown>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (thrown) {
      this.alert({ problem: thrown as Problem });
      return false;
    }
  }

  alert(alert: Omit<Alert, "id">): void {
    const others = this.shown.getSnapshot().filter(({ key, problem }) => key !== alert.key || problem?.code !== alert.problem?.code);
    this.shown.set([...others.slice(-2), { ...alert, id: ++this.lastAlert }]);
  }

  dismiss(id: number): void {
    this.shown.set(this.shown.getSnapshot().filter((alert) => alert.id !== id));
  }

  close(): void {
    removeEventListener("pagehide", this.flush);
    document.removeEventListener("visibilitychange", this.flush);
    this.client.close();
  }

  /** Leaves, and leaves nothing of the user here but what waits to be sent. */
  async signOut(): Promise<void> {
    // It waits for no push service: who signs out is signed out.
    await atMost(PUSH_END, pushEnd(this).catch(() => undefined));
    this.close();
    this.drafts.clear();
    await atMost(CLEARED, this.seen.clear());
    await this.signIn.signOut();
  }

  private async token(): Promise<string> {
    if (this.ended.getSnapshot()) throw new SignInError("login_required", "the session is over");
    try {
      return await this.signIn.token();
    } catch (thrown) {
      // The provider has an opinion: it will not change. That it does not answer may.
      if (thrown instanceof SignInError && thrown.code !== "unreachable") this.ended.set(true);
      throw thrown;
    }
  }
}

/** Waits for something, and no longer than so many milliseconds. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, new Promise((resolve) => setTimeout(resolve, ms))]);
}
