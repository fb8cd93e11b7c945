import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Room } from "../../typescript/src/index.js";
import { useSession, useTexts } from "./context.js";
import { useStore } from "./hooks.js";
import { NewRoom } from "./new-room.js";
import { Avatar, IconButton, Seen } from "./parts.js";
import { hashOf } from "./route.js";
import type { Texts } from "./texts.js";

/** From so many rooms on they can be filtered. */
const MANY = 8;

export function RoomList({ current, children }: { current: string | undefined; children: ComponentChildren }) {
  const session = useSession();
  const texts = useTexts();
  const { rooms, loaded, problem, seenAt } = useStore(session.rooms);
  const [creating, setCreating] = useState(false);
  const [filter, setFilter] = useState("");
  const wanted = filter.trim().toLocaleLowerCase();
  const shown = wanted === "" ? rooms : rooms.filter((room) => nameOf(texts, room).toLocaleLowerCase().includes(wanted));
  return (
    <section class="list" aria-label={texts.text("rooms.title")}>
      <header>
        <h1>{texts.text("rooms.title")}</h1>
        <IconButton icon="plus" name="new-room" label={texts.text("rooms.new")} class="primary" onClick={() => setCreating(true)} />
      </header>
      {children}
      {rooms.length >= MANY && (
        <input type="search" class="filter" aria-label={texts.text("rooms.filter")} placeholder={texts.text("rooms.filter")} value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      )}
      {seenAt !== undefined && <Seen at={seenAt} />}
      {!loaded && !problem && seenAt === undefined && <p class="hint">{texts.text("loading")}</p>}
      {!loaded && problem && !problem.temporary && (
        <p class="hint" role="alert">
          {problem.message}
        </p>
      )}
      {loaded && rooms.length === 0 && (
        <div class="hint">
          <p>{texts.text("rooms.empty")}</p>
          <p>{texts.text("rooms.emptyHint")}</p>
          <button type="button" class="button primary" onClick={() => setCreating(true)}>
            {texts.text("rooms.new")}
          </button>
        </div>
      )}
      <ul class="rooms">
        {shown.map((room) => (
          <RoomRow key={room.id} room={room} current={room.id === current} />
        ))}
      </ul>
      {creating && <NewRoom onClose={() => setCreating(false)} />}
    </section>
  );
}

function RoomRow({ room, current }: { room: Room; current: boolean }) {
  const session = useSession();
  const texts = useTexts();
  const name = nameOf(texts, room);
  // What happens in one of many rooms draws that one alone.
  return useMemo(
    () => (
      <li data-room={room.id}>
        <a href={hashOf({ page: "room", id: room.id })} aria-current={current ? "true" : undefined} class={room.unread ? "unread" : ""}>
          <Avatar id={room.id} name={name} picture={session.pictureOf(room)} />
          <span class="room-name">
            <bdi>{name}</bdi>
          </span>
          <time dateTime={room.latestMessage}>{texts.short(room.latestMessage)}</time>
          <span class="preview">
            <bdi>{previewOf(texts, room, session.person.name)}</bdi>
          </span>
          {room.unreadCount > 0 ? (
            <span class="badge" data-unread={room.unreadCount} aria-label={texts.count("rooms.unread", room.unreadCount)}>
              {texts.number(room.unreadCount)}
            </span>
          ) : (
            room.unread && <span class="badge dot" />
          )}
        </a>
      </li>
    ),
    [room, current, texts],
  );
}

export function nameOf(texts: Texts, room: Room): string {
  return room.roomName || texts.text("rooms.unnamed");
}

function previewOf(texts: Texts, { latestMessagePreviewText: preview, latestMessage, createdAt }: Room, own: string): string {
  const name = preview.sender_username ?? "";
  switch (preview.type) {
    case "Text":
    case "Reply": {
      const text = (preview.type === "Reply" ? preview.reply_text : preview.text) ?? "";
      return name === "" ? text : name === own ? texts.text("preview.you", { text }) : texts.text("preview.of", { name, text });
    }
    case "Media":
      return texts.text("preview.media", { name });
    case "RoomChange":
      return texts.text(preview.room_change_type === "LEAVE" ? "preview.left" : "preview.joined", { name });
    default:
      // The same stands for a room without messages, and for a last message that is deleted or has expired.
      return texts.text(latestMessage > createdAt ? "preview.gone" : "preview.new");
  }
}
