import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { App } from "./app.js";
import { SessionProvider, TextsProvider } from "./context.js";
import { SignIn, SignInError, type Config } from "./oidc.js";
import { Session } from "./session.js";
import { SignInScreen } from "./sign-in-screen.js";
import { Texts, languageOf, type Language } from "./texts.js";

type Stage = { name: "starting" } | { name: "out"; signIn?: SignIn; error?: unknown } | { name: "in"; session: Session; signIn: SignIn };

const LANGUAGE = "ism.language";

export function Root() {
  const [language, setLanguage] = useState<Language>(() => languageOf([kept(LANGUAGE) ?? "", ...navigator.languages]));
  const [stage, setStage] = useState<Stage>({ name: "starting" });
  const texts = useMemo(() => new Texts(language), [language]);
  useLayoutEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.dir = texts.direction;
  }, [texts]);
  const begin = () => {
    setStage({ name: "starting" });
    void start().then(setStage);
  };
  useEffect(begin, []);
  const choose = (chosen: Language) => {
    setLanguage(chosen);
    keep(LANGUAGE, chosen);
  };
  return (
    <TextsProvider value={texts}>
      {stage.name === "in" ? (
        <SessionProvider value={stage.session}>
          <App signIn={stage.signIn} onLanguage={choose} />
        </SessionProvider>
      ) : (
        <SignInScreen busy={stage.name === "starting"} signIn={stage.name === "out" ? stage.signIn : undefined} error={stage.name === "out" ? stage.error : undefined} onRetry={begin} />
      )}
    </TextsProvider>
  );
}

/** Takes up what there is: the answer of a sign-in, or who is signed in in this tab. */
async function start(): Promise<Stage> {
  let signIn: SignIn | undefined;
  try {
    const redirectUri = new URL("./", location.href.split(/[?#]/)[0]).href;
    signIn = new SignIn(await configOf(), { redirectUri, storage: sessionStorage, fetch: (input, init) => fetch(input, init), leave: (url) => location.assign(url) });
    const query = new URLSearchParams(location.search);
    if (query.has("state")) {
      // Whatever becomes of it: the code is good once, and belongs into no history.
      history.replaceState(null, "", redirectUri + location.hash);
      const hash = await signIn.finish(query);
      if (hash) history.replaceState(null, "", redirectUri + hash);
      if (signIn.person && !signIn.canRenew) signIn.forget();
    }
    if (!signIn.person) return { name: "out", signIn };
    if (!signIn.canRenew) {
      const left = await signIn.start(location.hash, true).then(
        () => true,
        (thrown: unknown) => {
          if (!(thrown instanceof SignInError && thrown.code === "unreachable")) throw thrown;
          return false; // what is known of who was signed in is shown all the same
        },
      );
      if (left) return { name: "starting" };
    }
    return { name: "in", session: new Session(signIn.person, signIn), signIn };
  } catch (error) {
    return { name: "out", error, ...(signIn && { signIn }) };
  }
}

async function configOf(): Promise<Config> {
  try {
    const response = await fetch("config.json", { cache: "no-cache", signal: AbortSignal.timeout(15_000) });
    const config = (await response.json()) as Config;
    if (response.ok && config.issuer && config.clientId) return config;
  } catch {
    // What answers is not ISM, or nothing does.
  }
  throw new SignInError("no-config", "config.json cannot be read");
}

/** Storage is forbidden in some private modes: then nothing is kept. */
function kept(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It is asked for again the next time.
  }
}
