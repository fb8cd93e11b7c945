import { useState } from "preact/hooks";
import type { InboxEntry } from "../../typescript/src/index.js";
import { useSession, useTexts } from "./context.js";
import { useStore } from "./hooks.js";
import { Words } from "./parts.js";
import { hashOf } from "./route.js";
import type { Texts } from "./texts.js";

export function InboxPage() {
  const session = useSession();
  const texts = useTexts();
  const { entries, unread, more, loaded } = useStore(session.inbox);
  const [busy, setBusy] = useState(false);
  const newest = entries[0];
  const older = async () => {
    setBusy(true);
    await session.attempt(session.inbox.loadOlder());
    setBusy(false);
  };
  return (
    <div class="column">
      <div class="column-head">
        <h2>{texts.text("inbox.title")}</h2>
        {unread > 0 && newest && (
          <button type="button" name="read-all" class="button" onClick={() => void session.attempt(session.inbox.read({ upTo: newest.cursor }))}>
            {texts.text("inbox.readAll")}
          </button>
        )}
      </div>
      {!loaded && <p class="quiet">{texts.text("loading")}</p>}
      {loaded && entries.length === 0 && <p class="quiet">{texts.text("inbox.empty")}</p>}
      <ul class="inbox">
        {entries.map((entry) => (
          <Entry key={entry.notificationId} entry={entry} />
        ))}
      </ul>
      {more && (
        <button type="button" class="button" disabled={busy} onClick={() => void older()}>
          {texts.text("inbox.more")}
        </button>
      )}
    </div>
  );
}

function Entry({ entry }: { entry: InboxEntry }) {
  const session = useSession();
  const texts = useTexts();
  const read = () => {
    if (!entry.read) void session.attempt(session.inbox.read({ notificationIds: [entry.notificationId] }));
  };
  const link = linkOf(entry);
  const text = <Words text={textOf(texts, entry)} />;
  return (
    <li data-notification={entry.notificationId} class={entry.read ? "" : "unread"}>
      {link ? (
        <a href={link} onClick={read} dir="auto">
          {textOf(texts, entry)}
        </a>
      ) : (
        <span dir="auto">{text}</span>
      )}
      <time>{texts.short(String(entry["createdAt"] ?? ""))}</time>
      {!entry.read && !link && (
        <button type="button" class="badge dot" aria-label={texts.text("inbox.read")} onClick={read} />
      )}
    </li>
  );
}

function linkOf(entry: InboxEntry): string | undefined {
  const room = entry["room"] as { id?: unknown } | undefined;
  if (entry["type"] === "NewRoom" && typeof room?.id === "string") return hashOf({ page: "room", id: room.id });
  if (entry["type"] === "FriendRequestReceived" || entry["type"] === "FriendRequestAccepted") return hashOf({ page: "friends" });
  return undefined;
}

function textOf(texts: Texts, entry: InboxEntry): string {
  const user = entry["fromUser"] as { displayName?: string } | undefined;
  const room = entry["room"] as { roomName?: string | null } | undefined;
  const name = user?.displayName ?? "";
  switch (entry["type"]) {
    case "FriendRequestReceived":
      return texts.text("inbox.friendRequest", { name });
    case "FriendRequestAccepted":
      return texts.text("inbox.friendAccepted", { name });
    case "NewRoom":
      return texts.text("inbox.newRoom", { room: room?.roomName || texts.text("rooms.unnamed") });
    case "LeaveRoom":
      return texts.text("inbox.leftRoom");
    default:
      return saidBy(entry["message"]) ?? texts.text("inbox.other");
  }
}

/** What a backend says is any object: the fields that say something in words are shown. */
function saidBy(message: unknown): string | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  const { title, text, body, message: inner } = message as Record<string, unknown>;
  const said = [title, text ?? body ?? inner].filter((each): each is string => typeof each === "string" && each !== "");
  return said.length > 0 ? said.join(": ") : undefined;
}
