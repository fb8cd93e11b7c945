import { createClient, friends, media, notifications, type Client, type Friends, type Media, type Notifications, type Problem, type Store } from "../../typescript/src/index.js";
import { indexedDBOutbox } from "../../typescript/src/offline.js";
import { shared } from "../../typescript/src/shared.js";
import { Value } from "../../typescript/src/store.js";
import { SignInError, type Person, type SignIn } from "./oidc.js";
import { pushEnd } from "./push.js";
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

/** All that there is of the user who is signed in. */
export class Session {
  readonly client: Client;
  readonly friends: Friends;
  readonly inbox: Notifications;
  readonly media: Media;
  readonly uploads: Uploads;
  /** What is written and not sent, by room. */
  readonly drafts = new Map<string, string>();
  readonly over: Store<boolean>;
  readonly alerts: Store<readonly Alert[]>;
  private readonly ended = new Value(false);
  private readonly shown = new Value<readonly Alert[]>([]);
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
    this.client.connect();
    void this.load();
  }

  /** Loads what the first screen shows, by whom it is seen first. */
  private async load(): Promise<void> {
    await this.client.me().catch(() => undefined); // what follows says what is wrong
    for (const part of [this.client.rooms, this.friends, this.inbox]) void part.load();
  }

  get userId(): string {
    return this.client.userId ?? this.person.sub;
  }

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
    this.client.close();
  }

  async signOut(): Promise<void> {
    // It waits for no push service: who signs out is signed out.
    await Promise.race([pushEnd(this).catch(() => undefined), new Promise((resolve) => setTimeout(resolve, PUSH_END))]);
    this.close();
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
