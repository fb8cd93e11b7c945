import type { Client } from "./client.js";
import { known, listOf } from "./problem.js";
import type { Requests } from "./request.js";
import type { Device, DeviceRequest, PushSettingRequest, PushSettings } from "./types.js";

/** Where a client's user is told of what happens while no stream of the user's is open. */
export function devices(client: Client): Devices {
  return new Devices(client.requests);
}

/** The user's devices, and of what they are told. */
export class Devices {
  constructor(private readonly http: Pick<Requests, "call">) {}

  /** The `applicationServerKey` with which a browser subscribes; it stays the same. The Problem `push-off`: there is no Web Push in this installation. */
  async applicationServerKey(): Promise<Uint8Array<ArrayBuffer>> {
    const { publicKey } = known((await this.http.call<{ publicKey: string }>("GET", "/api/devices/vapid")).data, "publicKey");
    return Uint8Array.from(atob(publicKey.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  }

  /** At most 20, those that were registered last at the end. */
  async list(): Promise<readonly Device[]> {
    return listOf((await this.http.call<Device[]>("GET", "/api/devices")).data, "deviceId");
  }

  /** Registers a device, or registers it again, as an app should at each start: of more than 20 those go that were not for the longest time. */
  async register(device: DeviceRequest): Promise<Device> {
    return known((await this.http.call<Device>("POST", "/api/devices", { body: device })).data, "deviceId");
  }

  /** Registers this browser by its subscription. `deviceId` is the app's name for it, which stays. */
  registerWebPush(deviceId: string, subscription: Pick<PushSubscription, "toJSON">): Promise<Device> {
    const { endpoint, keys } = subscription.toJSON();
    return this.register({ deviceId, kind: "WebPush", subscription: { endpoint, keys } as NonNullable<DeviceRequest["subscription"]> });
  }

  /** Nothing is told there any more; also of one that is not there. */
  async remove(deviceId: string): Promise<void> {
    await this.http.call("DELETE", `/api/devices/${encodeURIComponent(deviceId)}`);
  }

  /** What is told, of all rooms and of those that differ. */
  async settings(): Promise<PushSettings> {
    return known((await this.http.call<PushSettings>("GET", "/api/notify/settings")).data, "rooms");
  }

  /** Sets what is told, of a room or, without one, of all that have no level of their own. Gives all settings. */
  async set(setting: PushSettingRequest): Promise<PushSettings> {
    return known((await this.http.call<PushSettings>("PUT", "/api/notify/settings", { body: setting })).data, "rooms");
  }
}
