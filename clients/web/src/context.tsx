import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { problemOf, type Problem } from "../../typescript/src/problem.js";
import { SignInError } from "./oidc.js";
import type { Session } from "./session.js";
import type { Key, Texts } from "./texts.js";

const TextsContext = createContext<Texts | undefined>(undefined);
const SessionContext = createContext<Session | undefined>(undefined);
export const TextsProvider = TextsContext.Provider;
export const SessionProvider = SessionContext.Provider;

export function useTexts(): Texts {
  return useContext(TextsContext)!;
}

export function useSession(): Session {
  return useContext(SessionContext)!;
}

const SAID = new Set(["network", "timeout", "no-token", "unauthorized", "bad-answer", "rate-limited", "room-not-found", "message-not-found", "media-too-large", "media-type-not-allowed", "media-quota", "media-mismatch", "media-rejected", "objects-unavailable", "file-empty", "outcome-unknown", "push-refused", "aborted"]);

/** Why something failed, in the user's language where there are words for it. */
export function reasonOf(texts: Texts, thrown: Problem | unknown): string {
  const { code: of, message, cause } = problemOf(thrown);
  // Without a network there is no new token either, and nobody is signed out.
  const code = of === "no-token" && cause instanceof SignInError && cause.code === "unreachable" ? "network" : of;
  return SAID.has(code) ? texts.text(`problem.${code}` as Key) : texts.text("problem.other", { message, code });
}
