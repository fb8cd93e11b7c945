import { useEffect, useState } from "preact/hooks";
import { useSession, useTexts } from "./context.js";
import { pushOff, pushOn, pushState, type PushState } from "./push.js";
import { catalogs, type Language } from "./texts.js";

/** What languages call themselves. */
const NAMES: Record<Language, string> = { en: "English", de: "Deutsch", ar: "العربية" };

export function SettingsPage({ onLanguage }: { onLanguage: (language: Language) => void }) {
  const session = useSession();
  const texts = useTexts();
  return (
    <div class="column">
      <h2>{texts.text("settings.title")}</h2>
      <p>{texts.text("settings.account", { name: session.person.name })}</p>
      <label class="setting">
        <span>{texts.text("settings.language")}</span>
        <select name="language" value={texts.language} onChange={(event) => onLanguage(event.currentTarget.value as Language)}>
          {(Object.keys(catalogs) as Language[]).map((language) => (
            <option key={language} value={language} lang={language}>
              {NAMES[language]}
            </option>
          ))}
        </select>
      </label>
      <Receipts />
      <Push />
      <button type="button" name="sign-out" class="button" onClick={() => void session.signOut()}>
        {texts.text("signOut")}
      </button>
    </div>
  );
}

function Receipts() {
  const session = useSession();
  const texts = useTexts();
  const [on, setOn] = useState<boolean>();
  const path = "/api/users/me/settings";
  const take = ({ readReceipts }: { readReceipts: boolean }) => setOn(readReceipts);
  useEffect(() => void session.attempt(session.client.request<{ readReceipts: boolean }>("GET", path).then(take)), []);
  const change = (readReceipts: boolean) => {
    setOn(readReceipts);
    void session.attempt(session.client.request<{ readReceipts: boolean }>("PUT", path, { body: { readReceipts } }).then(take)).then((done) => {
      if (!done) setOn(!readReceipts);
    });
  };
  return (
    <label class="setting">
      <span>{texts.text("settings.receipts")}</span>
      <input type="checkbox" role="switch" name="receipts" checked={on ?? false} disabled={on === undefined} onChange={(event) => change(event.currentTarget.checked)} />
    </label>
  );
}

function Push() {
  const session = useSession();
  const texts = useTexts();
  const [state, setState] = useState<PushState>();
  const [busy, setBusy] = useState(false);
  useEffect(() => void session.attempt(pushState(session).then(setState)), []);
  const change = async (on: boolean) => {
    setBusy(true);
    await session.attempt((on ? pushOn : pushOff)(session).then(setState));
    setBusy(false);
  };
  const why = state === "unsupported" ? "settings.pushUnsupported" : state === "denied" ? "settings.pushDenied" : state === "off-here" ? "settings.pushOff" : undefined;
  return (
    <>
      <label class="setting">
        <span>{texts.text("settings.push")}</span>
        <input type="checkbox" role="switch" name="push" checked={state === "on"} disabled={busy || state === undefined || why !== undefined} onChange={(event) => void change(event.currentTarget.checked)} />
      </label>
      {why && <p class="quiet">{texts.text(why)}</p>}
    </>
  );
}
