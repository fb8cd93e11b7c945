import { useRef, useState } from "preact/hooks";
import { useSession, useTexts } from "./context.js";
import { Dialog } from "./parts.js";
import { PeoplePicker, type Picked } from "./people.js";
import { go } from "./route.js";

/** Creates a room: of two where one person is chosen and no name is given, else a group. */
export function NewRoom({ onClose }: { onClose: () => void }) {
  const session = useSession();
  const texts = useTexts();
  const [picked, setPicked] = useState<Picked[]>([]);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const creating = useRef(false); // at once, before this is drawn anew: else what is hit twice creates two rooms
  const group = picked.length > 1 || name.trim() !== "";
  const create = async (event: Event) => {
    event.preventDefault();
    if (creating.current || !ready) return;
    creating.current = true;
    setBusy(true);
    const invitedUsers = [session.userId, ...picked.map(({ id }) => id)];
    const room = group ? { roomType: "Group" as const, roomName: name.trim(), invitedUsers } : { roomType: "Single" as const, invitedUsers };
    const done = await session.attempt(session.client.createRoom(room).then(({ id }) => go({ page: "room", id })));
    creating.current = false;
    setBusy(false);
    if (done) onClose();
  };
  const ready = group ? name.trim() !== "" : picked.length === 1;
  return (
    <Dialog title={texts.text("newRoom.title")} onClose={onClose}>
      <form onSubmit={create}>
        <PeoplePicker picked={picked} onPick={setPicked} />
        <input type="text" name="room-name" maxLength={100} aria-label={texts.text("newRoom.name")} placeholder={texts.text("newRoom.name")} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        <footer>
          <button type="button" class="button" onClick={onClose}>
            {texts.text("cancel")}
          </button>
          <button type="submit" name="create" class="button primary" disabled={busy || !ready}>
            {texts.text("newRoom.create")}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
