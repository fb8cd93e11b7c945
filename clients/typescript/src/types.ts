import type { components as messages } from "./generated/messages.js";
import type { components as media } from "./generated/media.js";
import type { components as notifications } from "./generated/notifications.js";
import type { components as realtime } from "./generated/realtime.js";
import type { components as rooms } from "./generated/rooms.js";

export type Room = rooms["schemas"]["Room"];
export type PublicRoom = rooms["schemas"]["PublicRoom"];
export type Member = rooms["schemas"]["Member"];
export type User = rooms["schemas"]["User"];
export type RelatedUser = rooms["schemas"]["RelatedUser"];
export type UserPage = rooms["schemas"]["UserPage"];
export type RelationshipState = rooms["schemas"]["RelationshipState"];
export type Preview = realtime["schemas"]["ChatMessage"]["roomPreviewText"];
export type Message = messages["schemas"]["Message"];
export type Changes = messages["schemas"]["Changes"];
export type SendRequest = messages["schemas"]["SendRequest"];
export type EditRequest = messages["schemas"]["EditRequest"];
export type UserSettings = rooms["schemas"]["Settings"];
export type Device = notifications["schemas"]["Device"];
export type DeviceRequest = notifications["schemas"]["DeviceRequest"];
export type PushSettings = notifications["schemas"]["PushSettings"];
export type PushSettingRequest = notifications["schemas"]["PushSettingRequest"];
export type InboxEntry = notifications["schemas"]["InboxEntry"];
export type Medium = media["schemas"]["Medium"];
export type CreatedMedium = media["schemas"]["CreatedMedium"];
export type SignedParts = media["schemas"]["SignedParts"];
export type UploadedParts = media["schemas"]["UploadedParts"];
export type Poll = realtime["schemas"]["Poll"];
export type StreamTicket = realtime["schemas"]["StreamTicket"];

/** What comes on a stream, told apart by `type`: realtime's OpenAPI document has it as a `oneOf`. A server newer than this client may send types that are not listed here: pass over them. */
export type StreamEvent = realtime["schemas"]["StreamEvent"];
export type StreamEventOf<T extends StreamEvent["type"]> = Extract<StreamEvent, { type: T }>;
