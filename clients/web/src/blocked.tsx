import { useEffect, useState } from "preact/hooks";
import type { RelatedUser, User } from "../../typescript/src/index.js";
import { useSession, useTexts } from "./context.js";

/** Whom the user has blocked, in pages. `version`: asked again when it changes. */
export function Blocked({ version, people }: { version: number; people: (users: readonly RelatedUser[]) => preact.VNode }) {
  const session = useSession();
  const texts = useTexts();
  const [users, setUsers] = useState<readonly User[]>([]);
  const [cursor, setCursor] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    let current = true;
    // Without a network the page says so already.
    session.friends.blocked().then(
      ({ users, nextCursor }) => {
        if (!current) return;
        setUsers(users);
        setCursor(nextCursor);
      },
      () => {},
    );
    return () => {
      current = false;
    };
  }, [version]);
  const more = async () => {
    setBusy(true);
    await session.attempt(
      session.friends.blocked(cursor).then(({ users: found, nextCursor }) => {
        setUsers([...users, ...found.filter(({ id }) => !users.some((each) => each.id === id))]);
        setCursor(nextCursor);
      }),
    );
    setBusy(false);
  };
  if (users.length === 0) return null;
  return (
    <section aria-label={texts.text("friends.blocked")} data-blocked>
      <h3>{texts.text("friends.blocked")}</h3>
      {people(users.map((user) => ({ user, relationshipType: "CLIENT_BLOCKED" })))}
      {cursor !== undefined && (
        <button type="button" name="more-blocked" class="button" disabled={busy} onClick={() => void more()}>
          {texts.text("friends.more")}
        </button>
      )}
    </section>
  );
}
