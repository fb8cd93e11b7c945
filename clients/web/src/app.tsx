import { useEffect, useRef, useState } from "preact/hooks";
import { reasonOf, useSession, useTexts } from "./context.js";
import { FriendsPage } from "./friends.js";
import { useStore } from "./hooks.js";
import { InboxPage } from "./inbox.js";
import type { SignIn } from "./oidc.js";
import { Icon, IconButton, type IconName } from "./parts.js";
import { RoomList } from "./room-list.js";
import { RoomPage } from "./room.js";
import { pushAgain } from "./push.js";
import { hashOf, useRoute, type Route } from "./route.js";
import { SettingsPage } from "./settings.js";
import type { Key, Language } from "./texts.js";

export function App({ signIn, onLanguage }: { signIn: SignIn; onLanguage: (language: Language) => void }) {
  const session = useSession();
  const texts = useTexts();
  const route = useRoute();
  const rooms = useStore(session.rooms);
  const inbox = useStore(session.inbox);
  useEffect(() => {
    document.title = rooms.unread > 0 ? `(${texts.number(rooms.unread)}) ${texts.text("app.name")}` : texts.text("app.name");
  }, [rooms.unread, texts]);
  useEffect(() => void pushAgain(session).catch(() => {}), [session]);
  useEffect(() => {
    const opened = ({ data }: MessageEvent<{ open?: unknown }>) => {
      if (typeof data?.open === "string" && data.open.startsWith("#/")) location.hash = data.open;
    };
    navigator.serviceWorker?.addEventListener("message", opened);
    return () => navigator.serviceWorker?.removeEventListener("message", opened);
  }, []);
  useEffect(() => {
    // What is dropped beside a room would take the place of the page, and of what is being written.
    const drag = (event: DragEvent) => event.dataTransfer?.types.includes("Files") && event.preventDefault();
    addEventListener("dragover", drag);
    addEventListener("drop", drag);
    return () => {
      removeEventListener("dragover", drag);
      removeEventListener("drop", drag);
    };
  }, []);
  return (
    <div class="app" data-page={route.page}>
      <nav class="rail" aria-label={texts.text("nav")}>
        <NavLink to={{ page: "rooms" }} icon="chats" label="nav.rooms" current={route.page === "rooms" || route.page === "room"} badge={rooms.unread} />
        <NavLink to={{ page: "friends" }} icon="friends" label="nav.friends" current={route.page === "friends"} badge={useStore(session.friends).requests.length} />
        <NavLink to={{ page: "inbox" }} icon="bell" label="nav.inbox" current={route.page === "inbox"} badge={inbox.unread} />
        <NavLink to={{ page: "settings" }} icon="settings" label="nav.settings" current={route.page === "settings"} badge={0} />
      </nav>
      <RoomList current={route.page === "room" ? route.id : undefined}>
        <ConnectionState />
      </RoomList>
      <main class="page" id="main">
        {route.page === "room" && <RoomPage key={route.id} id={route.id} />}
        {route.page === "rooms" && <p class="hint">{texts.text("rooms.choose")}</p>}
        {route.page === "friends" && <FriendsPage />}
        {route.page === "inbox" && <InboxPage />}
        {route.page === "settings" && <SettingsPage onLanguage={onLanguage} />}
      </main>
      <Alerts signIn={signIn} />
      <p id="announcements" class="visually-hidden" aria-live="polite" />
    </div>
  );
}

function NavLink({ to, icon, label, current, badge }: { to: Route; icon: IconName; label: Key; current: boolean; badge: number }) {
  const texts = useTexts();
  return (
    <a href={hashOf(to)} aria-current={current ? "page" : undefined}>
      <Icon name={icon} />
      <span class="nav-label">{texts.text(label)}</span>
      {badge > 0 && <span class="badge">{texts.number(badge)}</span>}
    </a>
  );
}

/** How long it is said that the connection is back, milliseconds. */
const SAID_FOR = 4000;

/** Says how the connection is: what is there, and not what is hoped for. */
function ConnectionState() {
  const session = useSession();
  const texts = useTexts();
  const connection = useStore(session.client.connection);
  const rooms = useStore(session.client.rooms);
  const online = useOnline();
  const [back, setBack] = useState(false);
  const broken = useRef(false);
  const live = connection.status === "live" && online; // a stream may look alive for a while
  const caughtUp = live && rooms.loaded && !rooms.loading;
  useEffect(() => {
    if (connection.status === "reconnecting" || !online) broken.current = true;
    if (!caughtUp || !broken.current) return;
    broken.current = false;
    setBack(true);
    const timer = setTimeout(() => setBack(false), SAID_FOR);
    return () => clearTimeout(timer);
  }, [connection.status, online, caughtUp]);
  let state: "connecting" | "live" | "reconnecting" | "offline";
  let key: Key;
  if (live) {
    state = "live";
    key = broken.current && !caughtUp ? "connection.catchingUp" : back ? "connection.caughtUp" : connection.polling ? "connection.polling" : "connection.live";
  } else if (connection.status === "replaced" || connection.status === "closed") [state, key] = ["offline", "connection.replaced"];
  else if (!online) [state, key] = ["offline", "connection.offline"];
  else if (connection.status === "idle" || connection.status === "connecting") [state, key] = ["connecting", "connection.connecting"];
  else [state, key] = ["reconnecting", "connection.reconnecting"];
  return (
    <p class="connection" role="status" data-connection={state} data-caught-up={caughtUp ? "" : undefined}>
      {texts.text(key)}
    </p>
  );
}

/**
 * Whether the server may be reached. That the browser is offline says the browser; the server may be on this machine all the same, so it is asked.
 */
function useOnline(): boolean {
  const [online, setOnline] = useState(true);
  useEffect(() => {
    let asked = 0;
    const changed = () => {
      const ask = ++asked;
      const told = (reached: boolean) => ask === asked && setOnline(reached);
      if (navigator.onLine) return told(true);
      fetch("config.json", { cache: "no-store", signal: AbortSignal.timeout(5000) }).then(
        () => told(true),
        () => told(false),
      );
    };
    changed();
    addEventListener("online", changed);
    addEventListener("offline", changed);
    return () => {
      asked = -1;
      removeEventListener("online", changed);
      removeEventListener("offline", changed);
    };
  }, []);
  return online;
}

function Alerts({ signIn }: { signIn: SignIn }) {
  const session = useSession();
  const texts = useTexts();
  const alerts = useStore(session.alerts);
  const over = useStore(session.over);
  const again = () => {
    signIn.forget();
    void session.attempt(signIn.start(location.hash));
  };
  return (
    <div class="alerts">
      {over && (
        <div role="alert" class="alert">
          <span>{texts.text("signIn.again")}</span>
          <button type="button" name="sign-in" class="button primary" onClick={again}>
            {texts.text("signIn")}
          </button>
        </div>
      )}
      {alerts.map(({ id, key, problem }) => (
        <div key={id} role="alert" class="alert">
          <span>{key ? texts.text(key) : sentence(reasonOf(texts, problem))}</span>
          <IconButton icon="close" label={texts.text("dismiss")} onClick={() => session.dismiss(id)} />
        </div>
      ))}
    </div>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
