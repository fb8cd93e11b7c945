import { useState } from "preact/hooks";
import type { RelatedUser, User } from "../../typescript/src/index.js";
import { Blocked } from "./blocked.js";
import { useSession, useTexts } from "./context.js";
import { useStore } from "./hooks.js";
import { Ask, Avatar } from "./parts.js";
import { useSearch } from "./people.js";
import { go } from "./route.js";

export function FriendsPage() {
  const session = useSession();
  const texts = useTexts();
  const { friends, requests, loaded } = useStore(session.friends);
  const [name, setName] = useState("");
  const [version, setVersion] = useState(0);
  const [blocking, setBlocking] = useState<User>();
  const found = useSearch(name, version);
  const act = (work: Promise<unknown>) => void session.attempt(work).then(() => setVersion((before) => before + 1));
  const chat = (user: User) =>
    void session.attempt(session.client.createRoom({ roomType: "Single", invitedUsers: [session.userId, user.id] }).then(({ id }) => go({ page: "room", id })));
  const store = session.friends;
  const button = (label: string, key: string, onClick: () => void, primary = false) => (
    <button key={key} type="button" name={key} class={`button ${primary ? "primary" : ""}`} onClick={onClick}>
      {label}
    </button>
  );
  const actionsOf = ({ user, relationshipType }: RelatedUser) => {
    switch (relationshipType) {
      case "FRIEND":
        return [
          button(texts.text("friends.chat"), "chat", () => chat(user), true),
          button(texts.text("friends.remove"), "unfriend", () => act(store.remove(user.id))),
          button(texts.text("friends.block"), "block", () => setBlocking(user)),
        ];
      case "INVITE_RECEIVED":
        return [
          button(texts.text("friends.accept"), "accept", () => act(store.accept(user.id)), true),
          button(texts.text("friends.reject"), "reject", () => act(store.reject(user.id))),
          button(texts.text("friends.block"), "block", () => setBlocking(user)),
        ];
      case "INVITE_SENT":
        return [<span class="quiet">{texts.text("friends.sent")}</span>, button(texts.text("friends.block"), "block", () => setBlocking(user))];
      case "CLIENT_BLOCKED":
        return [<span class="quiet">{texts.text("friends.blocked")}</span>, button(texts.text("friends.unblock"), "unblock", () => act(store.unblock(user.id)))];
      case "CLIENT_GOT_BLOCKED":
        return [button(texts.text("friends.block"), "block", () => setBlocking(user))];
      default:
        return [button(texts.text("friends.add"), "add", () => act(store.add(user.id)), true), button(texts.text("friends.block"), "block", () => setBlocking(user))];
    }
  };
  const people = (users: readonly RelatedUser[]) => (
    <ul class="people cards">
      {users.map((related) => (
        <li key={related.user.id} data-user={related.user.id}>
          <Avatar id={related.user.id} name={related.user.displayName} />
          <span dir="auto">{related.user.displayName}</span>
          <span class="actions">{actionsOf(related)}</span>
        </li>
      ))}
    </ul>
  );
  const related = (users: readonly User[], relationshipType: RelatedUser["relationshipType"]) => people(users.map((user) => ({ user, relationshipType })));
  return (
    <div class="column">
      <h2>{texts.text("friends.title")}</h2>
      <input type="search" name="find" aria-label={texts.text("friends.find")} placeholder={texts.text("friends.find")} value={name} onInput={(event) => setName(event.currentTarget.value)} />
      {found !== undefined && (
        <section aria-label={texts.text("friends.results")}>
          <h3>{texts.text("friends.results")}</h3>
          {found.length === 0 ? <p class="quiet">{texts.text("people.none")}</p> : people(found)}
        </section>
      )}
      {requests.length > 0 && (
        <section aria-label={texts.text("friends.requests")}>
          <h3>{texts.text("friends.requests")}</h3>
          {related(requests, "INVITE_RECEIVED")}
        </section>
      )}
      <section aria-label={texts.text("friends.title")}>
        {!loaded && <p class="quiet">{texts.text("loading")}</p>}
        {loaded && friends.length === 0 && <p class="quiet">{texts.text("friends.none")}</p>}
        {related(friends, "FRIEND")}
      </section>
      <Blocked version={version} people={people} />
      {blocking && (
        <Ask title={texts.text("friends.block")} text={texts.text("friends.blockAsk", { name: blocking.displayName })} onYes={() => act(store.block(blocking.id))} onClose={() => setBlocking(undefined)} />
      )}
    </div>
  );
}
