import type { Client } from "./client.js";
import { known } from "./problem.js";
import type { Requests } from "./request.js";
import type { UserSettings } from "./types.js";

const PATH = "/api/users/me/settings";

/** What a client's user decides for itself. */
export function settings(client: Client): Settings {
  return new Settings(client.requests);
}

/** What the user decides for itself. What is told by push is in `devices`. */
export class Settings {
  constructor(private readonly http: Pick<Requests, "call">) {}

  async get(): Promise<UserSettings> {
    return known((await this.http.call<UserSettings>("GET", PATH)).data, "readReceipts");
  }

  /** Gives the settings as they are then. */
  async set(settings: UserSettings): Promise<UserSettings> {
    return known((await this.http.call<UserSettings>("PUT", PATH, { body: settings })).data, "readReceipts");
  }
}
