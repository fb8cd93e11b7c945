import { useEffect, useState } from "preact/hooks";
import type { RelatedUser } from "../../typescript/src/index.js";
import { useSession, useTexts } from "./context.js";
import { useStore } from "./hooks.js";
import { Avatar } from "./parts.js";

/** How long to wait for more letters, milliseconds. */
const SETTLED = 250;

/** Users whose names begin with a text; undefined: nothing is searched for. */
export function useSearch(username: string, version = 0): readonly RelatedUser[] | undefined {
  const session = useSession();
  const [found, setFound] = useState<readonly RelatedUser[]>();
  const wanted = username.trim();
  useEffect(() => {
    if (wanted === "") return setFound(undefined);
    let current = true;
    const timer = setTimeout(() => {
      void session.attempt(session.friends.search(wanted).then(({ content }) => current && setFound(content)));
    }, SETTLED);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [wanted, version]);
  return wanted === "" ? undefined : found;
}

export interface Picked {
  id: string;
  displayName: string;
}

/** Chooses people: friends, or who is searched for. `without`: who is not offered. */
export function PeoplePicker({ picked, onPick, without = [] }: { picked: readonly Picked[]; onPick: (picked: Picked[]) => void; without?: readonly string[] }) {
  const session = useSession();
  const texts = useTexts();
  const [name, setName] = useState("");
  const found = useSearch(name);
  const { friends } = useStore(session.friends);
  const offered = (found?.filter(({ relationshipType }) => !relationshipType?.includes("BLOCKED")).map(({ user }) => user) ?? friends).filter(({ id }) => !without.includes(id));
  const toggle = (user: Picked) => onPick(picked.some(({ id }) => id === user.id) ? picked.filter(({ id }) => id !== user.id) : [...picked, { id: user.id, displayName: user.displayName }]);
  return (
    <>
      {picked.length > 0 && (
        <ul class="chips" aria-label={texts.text("newRoom.chosen")}>
          {picked.map((user) => (
            <li key={user.id}>
              <button type="button" class="chip" aria-label={texts.text("people.remove", { name: user.displayName })} onClick={() => toggle(user)}>
                {user.displayName} ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        type="search"
        name="people"
        autofocus
        aria-label={texts.text("newRoom.find")}
        placeholder={texts.text("newRoom.find")}
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
      />
      <ul class="people">
        {offered.map((user) => (
          <li key={user.id} data-user={user.id}>
            <label>
              <Avatar id={user.id} name={user.displayName} small />
              <span dir="auto">{user.displayName}</span>
              <input type="checkbox" checked={picked.some(({ id }) => id === user.id)} onChange={() => toggle(user)} />
            </label>
          </li>
        ))}
      </ul>
      {found?.length === 0 && <p class="quiet">{texts.text("people.none")}</p>}
      <p class="quiet">{texts.text("newRoom.hint")}</p>
    </>
  );
}
