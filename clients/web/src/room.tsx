import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Message, Room, RoomHandle } from "../../typescript/src/index.js";
import { Composer } from "./composer.js";
import { useSession, useTexts } from "./context.js";
import { useStore } from "./hooks.js";
import { Ask, Avatar, Dialog, IconButton } from "./parts.js";
import { PeoplePicker, type Picked } from "./people.js";
import type { SeenTimeline } from "./last-seen.js";
import { nameOf } from "./room-list.js";
import { go } from "./route.js";
import { TimelineView } from "./timeline.js";

/** What the composer does with the next text besides sending it. */
export type Writing = { to: "new" } | { to: "reply" | "edit"; message: Message };

export function RoomPage({ id }: { id: string }) {
  const session = useSession();
  const texts = useTexts();
  const handle = useMemo(() => session.client.room(id), [id]);
  const rooms = useStore(session.rooms);
  const timeline = useStore(handle.timeline);
  const { members } = useStore(handle.members);
  const [seen, setSeen] = useState<SeenTimeline>();
  const [writing, setWriting] = useState<Writing>({ to: "new" });
  const [dropping, setDropping] = useState(false);
  // The clean-up of another effect runs after the next paint: who is back by then would have it let go of the room that is open again.
  useLayoutEffect(() => {
    handle.timeline.load().catch(() => {}); // its state says so
    void handle.members.load();
    void session.seen.timeline(id).then(setSeen);
    const end = session.look(handle);
    return () => {
      end();
      session.client.release(id);
    };
  }, [handle]);
  const room = rooms.rooms.find((each) => each.id === id);
  if (rooms.loaded && !room && timeline.problem?.status === 404) {
    return (
      <div class="hint" role="alert">
        <p>{texts.text("room.notFound")}</p>
        <button type="button" class="button" onClick={() => go({ page: "rooms" })}>
          {texts.text("back")}
        </button>
      </div>
    );
  }
  const people = members.length > 0 ? members : (seen?.members ?? []);
  const attach = (files: readonly File[]) => session.uploads.add(handle, files);
  const drag = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    setDropping(true);
  };
  const drop = (event: DragEvent) => {
    setDropping(false);
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    attach([...event.dataTransfer.files]);
  };
  return (
    <section
      class={`room ${dropping ? "dropping" : ""}`}
      aria-label={room ? nameOf(texts, room) : undefined}
      onDragEnter={drag}
      onDragOver={drag}
      onDragLeave={(event) => !event.currentTarget.contains(event.relatedTarget as Node | null) && setDropping(false)}
      onDrop={drop}
    >
      <Header room={room} handle={handle} />
      <TimelineView handle={handle} room={rooms.loaded ? room : undefined} seen={seen} people={people} onWriting={setWriting} />
      <Composer handle={handle} people={people} writing={writing} onWriting={setWriting} onFiles={attach} />
      {dropping && <p class="drop">{texts.text("room.drop")}</p>}
    </section>
  );
}

type Opened = "people" | "invite" | "leave" | "rename" | undefined;

function Header({ room, handle }: { room: Room | undefined; handle: RoomHandle }) {
  const session = useSession();
  const texts = useTexts();
  const { members } = useStore(handle.members);
  const [opened, setOpened] = useState<Opened>();
  const name = room ? nameOf(texts, room) : "";
  const joined = members.filter(({ membershipStatus }) => membershipStatus === "Joined");
  const close = () => setOpened(undefined);
  const leave = () =>
    void session.attempt(handle.leave()).then((done) => {
      if (done) go({ page: "rooms" });
    });
  return (
    <header class="room-header">
      <span class="back">
        <IconButton icon="back" label={texts.text("back")} onClick={() => go({ page: "rooms" })} />
      </span>
      <Avatar id={handle.id} name={name} picture={session.pictureOf(room)} />
      <div class="room-title">
        <h2>
          <bdi>{name}</bdi>
        </h2>
        {room?.roomType === "Group" && joined.length > 0 && (
          <button type="button" class="link" name="people" onClick={() => setOpened("people")}>
            {texts.count("room.members", joined.length)}
          </button>
        )}
      </div>
      {room?.roomType === "Group" && (
        <>
          <IconButton icon="edit" name="rename" label={texts.text("room.rename")} onClick={() => setOpened("rename")} />
          <IconButton icon="invite" name="invite" label={texts.text("room.invite")} onClick={() => setOpened("invite")} />
        </>
      )}
      {room && <IconButton icon="leave" name="leave" label={texts.text("room.leave")} onClick={() => setOpened("leave")} />}
      {opened === "people" && (
        <Dialog title={texts.text("room.people")} onClose={close}>
          <ul class="people">
            {members.map(({ id, displayName, membershipStatus }) => (
              <li key={id} data-member={id}>
                <Avatar id={id} name={displayName} small />
                <span dir="auto">{displayName}</span>
                {membershipStatus === "Left" && <span class="quiet">{texts.text("room.memberLeft")}</span>}
              </li>
            ))}
          </ul>
        </Dialog>
      )}
      {opened === "invite" && <Invite handle={handle} name={name} without={joined.map(({ id }) => id)} onClose={close} />}
      {opened === "rename" && <Rename handle={handle} name={name} onClose={close} />}
      {opened === "leave" && <Ask title={texts.text("room.leave")} text={texts.text("room.leaveAsk", { room: name })} onYes={leave} onClose={close} />}
    </header>
  );
}

function Invite({ handle, name, without, onClose }: { handle: RoomHandle; name: string; without: string[]; onClose: () => void }) {
  const session = useSession();
  const texts = useTexts();
  const [picked, setPicked] = useState<Picked[]>([]);
  const invite = async (event: Event) => {
    event.preventDefault();
    onClose();
    for (const { id } of picked) await session.attempt(handle.invite(id));
  };
  return (
    <Dialog title={texts.text("room.inviteTo", { room: name })} onClose={onClose}>
      <form onSubmit={invite}>
        <PeoplePicker picked={picked} onPick={setPicked} without={without} />
        <footer>
          <button type="submit" name="confirm" class="button primary" disabled={picked.length === 0}>
            {texts.text("room.invite")}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function Rename({ handle, name, onClose }: { handle: RoomHandle; name: string; onClose: () => void }) {
  const session = useSession();
  const texts = useTexts();
  const input = useRef<HTMLInputElement>(null);
  const rename = (event: Event) => {
    event.preventDefault();
    const wanted = input.current!.value.trim();
    if (wanted === "") return;
    onClose();
    void session.attempt(handle.rename(wanted));
  };
  return (
    <Dialog title={texts.text("room.rename")} onClose={onClose}>
      <form onSubmit={rename}>
        <input ref={input} type="text" name="room-name" maxLength={100} autofocus aria-label={texts.text("room.name")} defaultValue={name} />
        <footer>
          <button type="submit" name="confirm" class="button primary">
            {texts.text("room.save")}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

