import { useState } from "preact/hooks";
import { useTexts } from "./context.js";
import { SignInError, type SignIn } from "./oidc.js";
import type { Texts } from "./texts.js";

interface Props {
  busy: boolean;
  signIn: SignIn | undefined;
  error: unknown;
  onRetry: () => void;
}

export function SignInScreen({ busy, signIn, error, onRetry }: Props) {
  const texts = useTexts();
  const [leaving, setLeaving] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const leave = () => {
    if (!signIn) return onRetry();
    setLeaving(true);
    setFailed(undefined);
    signIn.start(location.hash).catch((thrown: unknown) => {
      setLeaving(false);
      setFailed(thrown);
    });
  };
  const problem = failed ?? error;
  return (
    <main class="welcome">
      <img src="icon.svg" alt="" width="72" height="72" />
      <h1>{texts.text("app.name")}</h1>
      <p>{texts.text("app.tagline")}</p>
      {problem !== undefined && !leaving && <p role="alert">{messageOf(texts, problem)}</p>}
      {busy ? (
        <p role="status">{texts.text("signIn.busy")}</p>
      ) : (
        <button type="button" name="sign-in" class="button primary large" disabled={leaving} onClick={leave}>
          {texts.text(leaving ? "signIn.busy" : signIn ? "signIn" : "retry")}
        </button>
      )}
    </main>
  );
}

function messageOf(texts: Texts, thrown: unknown): string {
  if (!(thrown instanceof SignInError)) return texts.text("signIn.failed", { reason: String(thrown) });
  switch (thrown.code) {
    case "no-config":
      return texts.text("signIn.noConfig");
    case "unreachable":
      return texts.text("signIn.unreachable");
    case "insecure":
      return texts.text("signIn.insecure");
    default:
      return texts.text("signIn.failed", { reason: thrown.message });
  }
}
