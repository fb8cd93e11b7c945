import type { Client } from "./client.js";
import { Loaded, type LoadedState } from "./list.js";
import { listOf } from "./problem.js";
import type { Requests } from "./request.js";
import type { RelatedUser, RelationshipState, StreamEvent, User, UserPage } from "./types.js";

export interface FriendsState extends LoadedState {
  friends: readonly User[];
  /** Who has asked the user. */
  requests: readonly User[];
}

/** The friends of a client's user, from now on up to date; load() loads them. */
export function friends(client: Client): Friends {
  return client.use(new Friends(client.requests));
}

/** The user's friends, and who wants to be one. */
export class Friends extends Loaded<FriendsState> {
  constructor(private readonly http: Pick<Requests, "call">) {
    super({ friends: [], requests: [], loaded: false }, async (signal) => {
      const [friends, requests] = await Promise.all([
        http.call<User[]>("GET", "/api/users/friends", { signal }),
        http.call<User[]>("GET", "/api/users/friends/requests", { signal }),
      ]);
      return () => ({ friends: listOf(friends.data, "id"), requests: listOf(requests.data, "id") });
    });
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

  /** Whom the user has blocked, in pages: `cursor` is where the page before says that there is more. */
  async blocked(cursor?: string): Promise<{ users: readonly User[]; nextCursor?: string }> {
    const { data, headers } = await this.http.call<User[]>("GET", "/api/users/blocked", { query: { cursor } });
    const next = headers.get("X-Next-Cursor");
    return { users: listOf(data, "id"), ...(next !== null && { nextCursor: next }) };
  }

  async search(username: string, cursor?: string): Promise<UserPage> {
    return (await this.http.call<UserPage>("GET", "/api/users/search", { query: { username, cursor } })).data;
  }

  async get(user: string): Promise<RelatedUser> {
    return (await this.http.call<RelatedUser>("GET", `/api/users/${user}`)).data;
  }

  private async change(method: string, path: string): Promise<RelationshipState> {
    const { data } = await this.http.call<RelationshipState>(method, path);
    this.resync(); // the answer tells how the two stand, the lists more
    return data;
  }

  protected apply(event: StreamEvent): void {
    const { friends, requests } = this.getSnapshot();
    if (event.type === "FriendRequestReceived") this.set({ requests: first(event.fromUser, requests) });
    if (event.type === "FriendRequestAccepted") {
      this.set({ friends: first(event.fromUser, friends), requests: requests.filter(({ id }) => id !== event.fromUser.id) });
    }
  }
}

function first(user: User, users: readonly User[]): readonly User[] {
  return [user, ...users.filter(({ id }) => id !== user.id)];
}
