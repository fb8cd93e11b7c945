import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { SignIn, SignInError, challengeOf, type Config } from "../src/oidc.js";

const config: Config = { url: "", issuer: "https://id.example/realms/ism", clientId: "ism-web", scope: "openid profile" };

function jwt(claims: object): string {
  return ["e30", Buffer.from(JSON.stringify(claims)).toString("base64url"), ""].join(".");
}

/** A provider that remembers what it was asked, and answers as it is told. */
function provider(change: { idToken?: (nonce: string) => object; tokens?: object; discovery?: object; status?: number } = {}) {
  const stored = new Map<string, string>();
  const left: URL[] = [];
  const forms: URLSearchParams[] = [];
  const storage = { getItem: (key: string) => stored.get(key) ?? null, setItem: (key: string, value: string) => void stored.set(key, value), removeItem: (key: string) => void stored.delete(key) };
  const discovery = { issuer: config.issuer, authorization_endpoint: `${config.issuer}/auth?kept=1`, token_endpoint: `${config.issuer}/token`, end_session_endpoint: `${config.issuer}/end`, ...change.discovery };
  const fetch = (async (url: string, init?: RequestInit) => {
    if (String(url).endsWith("/.well-known/openid-configuration")) return Response.json(discovery);
    forms.push(init?.body as URLSearchParams);
    if (change.status) return Response.json({ error: "invalid_grant", error_description: "it is used up" }, { status: change.status });
    const nonce = left[0]?.searchParams.get("nonce") ?? "";
    const id_token = jwt(change.idToken?.(nonce) ?? { iss: config.issuer, aud: config.clientId, sub: "alice", name: "Alïce", nonce });
    return Response.json({ access_token: `access-${forms.length}`, refresh_token: `refresh-${forms.length}`, id_token, ...change.tokens });
  }) as typeof globalThis.fetch;
  const signIn = () => new SignIn(config, { redirectUri: "https://chat.example/app/", storage, fetch, leave: (url) => void left.push(new URL(url)) });
  const answer = (change: Record<string, string> = {}) => new URLSearchParams({ code: "c0de", state: left[0]!.searchParams.get("state")!, ...change });
  return { signIn, left, forms, stored, answer };
}

const refusedWith = (code: string) => (thrown: unknown) => thrown instanceof SignInError && thrown.code === code;

test("the challenge is that of RFC 7636, appendix B", async () => {
  assert.equal(await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

test("a sign-in asks with PKCE, and takes the answer", async () => {
  const { signIn, left, forms, answer } = provider();
  const before = signIn();
  await before.start("#/rooms/1");
  const { searchParams } = left[0]!;
  assert.equal(searchParams.get("kept"), "1");
  assert.equal(searchParams.get("response_type"), "code");
  assert.equal(searchParams.get("code_challenge_method"), "S256");
  assert.equal(searchParams.get("redirect_uri"), "https://chat.example/app/");
  const after = signIn(); // another page: what it needs is in the tab
  assert.equal(await after.finish(answer()), "#/rooms/1");
  assert.deepEqual(after.person, { sub: "alice", name: "Alïce" });
  assert.equal(createHash("sha256").update(forms[0]!.get("code_verifier")!).digest("base64url"), searchParams.get("code_challenge"));
  assert.equal(await after.token(), "access-1");
  assert.equal(await after.token(), "access-2", "the next one is renewed");
  assert.equal(forms[1]!.get("refresh_token"), "refresh-1");
});

test("a reload stays signed in, and signing out does not", async () => {
  const { signIn, left, forms, answer, stored } = provider();
  await signIn().start("");
  await signIn().finish(answer());
  const reloaded = signIn();
  assert.equal(reloaded.person?.sub, "alice");
  assert.ok(reloaded.canRenew);
  assert.equal(await reloaded.token(), "access-2");
  assert.equal(forms[1]!.get("grant_type"), "refresh_token");
  await reloaded.signOut();
  assert.equal(stored.size, 0);
  assert.equal(left[1]!.pathname, "/realms/ism/end");
  assert.ok(left[1]!.searchParams.get("id_token_hint"));
  assert.equal(signIn().person, undefined);
});

test("an answer that was not asked for is refused", async () => {
  const { signIn, answer, forms } = provider();
  await signIn().start("");
  await assert.rejects(signIn().finish(answer({ state: "another" })), refusedWith("state"));
  await assert.rejects(signIn().finish(answer()), refusedWith("state"), "the attempt is used up");
  assert.equal(forms.length, 0);
  assert.equal(await signIn().finish(new URLSearchParams("state=x")), undefined, "this is no answer");
});

for (const [name, code, claims] of [
  ["of another sign-in", "nonce", () => ({ iss: config.issuer, aud: config.clientId, sub: "alice", nonce: "another" })],
  ["of another issuer", "not-the-issuer", (nonce: string) => ({ iss: "https://else.example", aud: config.clientId, sub: "alice", nonce })],
  ["for another client", "not-the-issuer", (nonce: string) => ({ iss: config.issuer, aud: ["other"], sub: "alice", nonce })],
  ["of nobody", "not-the-issuer", (nonce: string) => ({ iss: config.issuer, aud: [config.clientId], nonce })],
] as const) {
  test(`an ID token ${name} is refused`, async () => {
    const { signIn, answer, stored } = provider({ idToken: claims });
    await signIn().start("");
    await assert.rejects(signIn().finish(answer()), refusedWith(code));
    assert.equal(stored.size, 0);
  });
}

test("an issuer that says it is another one is refused, before anything is sent to it", async () => {
  const { signIn, left } = provider({ discovery: { issuer: "https://else.example" } });
  await assert.rejects(signIn().start(""), refusedWith("not-the-issuer"));
  assert.equal(left.length, 0);
});

test("an answer that names another issuer is refused", async () => {
  const { signIn, answer } = provider();
  await signIn().start("");
  await assert.rejects(signIn().finish(answer({ iss: "https://else.example" })), refusedWith("not-the-issuer"));
});

test("what the provider refuses is told", async () => {
  const { signIn, answer } = provider({ status: 400 });
  await signIn().start("");
  await assert.rejects(signIn().finish(answer()), refusedWith("invalid_grant"));
  await signIn().start("");
});

test("a silent sign-in that would have to ask leads back where the user was", async () => {
  const { signIn, left, answer } = provider();
  await signIn().start("#/inbox", true);
  assert.equal(left[0]!.searchParams.get("prompt"), "none");
  const query = answer({ error: "login_required" });
  query.delete("code");
  assert.equal(await signIn().finish(query), "#/inbox");
});

test("a session without a refresh token is not over as long as the provider does not answer", async () => {
  const { signIn, stored } = provider();
  stored.set("ism.session", JSON.stringify({ person: { sub: "alice", name: "Alice" } }));
  const kept = { getItem: (key: string) => stored.get(key) ?? null, setItem: () => {}, removeItem: () => {} };
  const cut = new SignIn(config, { redirectUri: "https://chat.example/app/", storage: kept, fetch: () => Promise.reject(new TypeError("no network")), leave: () => {} });
  await assert.rejects(cut.token(), refusedWith("unreachable"));
  await assert.rejects(signIn().token(), refusedWith("login_required"));
});

test("what lies in the tab's storage may be anything", () => {
  for (const rubbish of ["", "null", "{}", '{"person":7}', "rubbish", "[]"]) {
    const { signIn, stored } = provider();
    stored.set("ism.session", rubbish);
    assert.equal(signIn().person, undefined, rubbish);
  }
});
