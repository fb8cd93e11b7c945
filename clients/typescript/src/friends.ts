import type { Client } from "./client.js";
import { Reload } from "./list.js";
import type { Problem } from "./problem.js";
import type { Requests } from "./request.js";
import { Value, type Store } from "./store.js";
import type { RelatedUser, RelationshipState, StreamEvent, User, UserPage } from "./types.js";

export interface FriendsState {
  friends: readonly User[];
  /** Who has asked the user. */
  requests: readonly User[];
  loaded: boolean;
  problem?: Problem;
}

/** The friends of a client's user, from now on up to date; load() loads them. */
export function friends(client: Client): Friends {
  return client.use(new Friends(client.requests));
}

/** The user's friends, and who wants to be one. */
export class Friends implements Store<FriendsState> {
  private readonly value = new Value<FriendsState>({ friends: [], requests: [], loaded: false });
  private readonly reload: Reload<StreamEvent>;
  readonly subscribe = this.value.subscribe;
  readonly getSnapshot = this.value.getSnapshot;

  constructor(private readonly http: Pick<Requests, "call">) {
    this.reload = new Reload<StreamEvent>(
      async (signal) => {
        const [friends, requests] = await Promise.all([
          http.call<User[]>("GET", "/api/users/friends", { signal }),
          http.call<User[]>("GET", "/api/users/friends/requests", { signal }),
        ]);
        return () => this.set({ friends: [...friends.data], requests: [...requests.data], loaded: true });
      },
      (event) => this.apply(event),
      (_, problem) => this.told(problem),
    );
  }

  load(): Promise<void> {
    return this.reload.now();
  }

  /** Asks a user to be friends; who has asked before is accepted. */
  add(user: string): Promise<RelationshipState> {
    return this.change("POST", `/api/users/friends/add/${user}`);
  }

  accept(user: string): Promise<RelationshipState> {
    return this.change("POST", `/api/users/friends/accept-request/${user}`);
  }

  reject(user: string): Promise<RelationshipState> {
    return this.change("DELETE", `/api/users/friends/reject-request/${user}`);
  }

  remove(user: string): Promise<RelationshipState> {
    return this.change("DELETE", `/api/users/friends/${user}`);
  }

  block(user: string): Promise<RelationshipState> {
    return this.change("POST", `/api/users/ignore/${user}`);
  }

  unblock(user: string): Promise<RelationshipState> {
    return this.change("DELETE", `/api/users/ignore/${user}`);
  }

  async search(username: string, cursor?: string): Promise<UserPage> {
    return (await this.http.call<UserPage>("GET", "/api/users/search", { query: { username, cursor } })).data;
  }

  async get(user: string): Promise<RelatedUser> {
    return (await this.http.call<RelatedUser>("GET", `/api/users/${user}`)).data;
  }

  event(event: StreamEvent): void {
    if (event.type === "FriendRequestReceived" || event.type === "FriendRequestAccepted") this.reload.event(event);
  }

  resync(): void {
    if (this.value.getSnapshot().loaded) void this.load();
  }

  wake(): void {
    this.reload.wake();
  }

  close(): void {
    this.reload.close();
  }

  private async change(method: string, path: string): Promise<RelationshipState> {
    const { data } = await this.http.call<RelationshipState>(method, path);
    this.resync(); // the answer tells how the two stand, the lists more
    return data;
  }

  private apply(event: StreamEvent): void {
    const { friends, requests } = this.value.getSnapshot();
    if (event.type === "FriendRequestReceived") this.set({ requests: first(event.fromUser, requests) });
    if (event.type === "FriendRequestAccepted") {
      this.set({ friends: first(event.fromUser, friends), requests: requests.filter(({ id }) => id !== event.fromUser.id) });
    }
  }

  private set(change: Partial<FriendsState>): void {
    this.value.set({ ...this.value.getSnapshot(), ...change });
  }

  private told(problem: Problem | undefined): void {
    const { problem: _, ...rest } = this.value.getSnapshot();
    this.value.set({ ...rest, ...(problem && { problem }) });
  }
}

function first(user: User, users: readonly User[]): readonly User[] {
  return [user, ...users.filter(({ id }) => id !== user.id)];
}
