// Sign-in at any OpenID provider: the code flow with PKCE (RFC 7636) by discovery (OpenID Connect Discovery 1.0), as a public client.

export interface Config {
  /** The origin of the API; "": that of the page. */
  url: string;
  issuer: string;
  clientId: string;
  scope: string;
}

interface Provider {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  end_session_endpoint?: string;
}

interface Tokens {
  access_token: string;
  refresh_token?: string;
  id_token?: string;
}

/** Who is signed in, as the ID token says. */
export interface Person {
  sub: string;
  name: string;
}

/** What a sign-in that is under way has to be answered with. */
interface Pending {
  state: string;
  nonce: string;
  verifier: string;
  /** Where the user was, `#/…`. */
  hash: string;
  silent?: boolean;
}

/** What a reload finds again. */
interface Kept {
  person: Person;
  refreshToken?: string;
  idToken?: string;
}

/** `code`: `no-config`, `unreachable`, `not-the-issuer`, `state`, `nonce`, `insecure`, or the provider's own, of OAuth 2.0. */
export class SignInError extends Error {
  override name = "SignInError";
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

export interface Page {
  /** Where the provider leads back to. */
  redirectUri: string;
  /** Outlives a reload, and not the tab. */
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  fetch: typeof globalThis.fetch;
  /** Leaves for an address. */
  leave(url: string): void;
}

const PENDING = "ism.sign-in";
const KEPT = "ism.session";
/** Milliseconds. */
const TIMEOUT = 15_000;

export class SignIn {
  private provider: Promise<Provider> | undefined;
  /** The token that came last, until it is asked for. */
  private fresh: string | undefined;
  private kept: Kept | undefined;

  constructor(
    readonly config: Config,
    private readonly page: Page,
  ) {
    this.kept = read<Kept>(page.storage, KEPT);
    if (typeof this.kept?.person?.sub !== "string") this.kept = undefined;
  }

  /** Who is signed in in this tab; undefined: nobody. */
  get person(): Person | undefined {
    return this.kept?.person;
  }

  /** Leaves for the provider. `silent`: it is not to ask anything, and leads back at once. */
  async start(hash: string, silent = false): Promise<void> {
    if (!globalThis.crypto?.subtle) throw new SignInError("insecure", "the page must come by https, or from localhost");
    const provider = await this.discover();
    const pending: Pending = { state: random(), nonce: random(), verifier: random(), hash, ...(silent && { silent }) };
    this.page.storage.setItem(PENDING, JSON.stringify(pending));
    const url = new URL(provider.authorization_endpoint);
    const query = {
      response_type: "code", client_id: this.config.clientId, redirect_uri: this.page.redirectUri, scope: this.config.scope,
      state: pending.state, nonce: pending.nonce, code_challenge: await challengeOf(pending.verifier), code_challenge_method: "S256",
      ...(silent && { prompt: "none" }),
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    this.page.leave(url.href);
  }

  /** Takes what the provider has led back with. Gives where the user was; undefined: this was no answer of the provider. */
  async finish(query: URLSearchParams): Promise<string | undefined> {
    const state = query.get("state");
    if (state === null || !(query.has("code") || query.has("error"))) return undefined;
    const pending = read<Pending>(this.page.storage, PENDING);
    this.page.storage.removeItem(PENDING);
    if (!pending || pending.state !== state) throw new SignInError("state", "the answer belongs to no sign-in of this tab");
    const iss = query.get("iss"); // RFC 9207
    if (iss !== null && iss !== this.config.issuer) throw new SignInError("not-the-issuer", "the answer is of another issuer");
    const error = query.get("error");
    if (error !== null) {
      if (pending.silent) return pending.hash; // it would have had to ask: the user begins
      throw new SignInError(error, query.get("error_description") ?? error);
    }
    const tokens = await this.ask({ grant_type: "authorization_code", code: query.get("code") ?? "", redirect_uri: this.page.redirectUri, code_verifier: pending.verifier });
    this.take(tokens, this.verified(tokens.id_token, pending.nonce));
    return pending.hash;
  }

  /** An access token that has not been given yet. */
  async token(): Promise<string> {
    const { fresh } = this;
    this.fresh = undefined;
    if (fresh !== undefined) return fresh;
    const refreshToken = this.kept?.refreshToken;
    if (refreshToken === undefined) {
      await this.discover(); // without a network nothing is over yet
      throw new SignInError("login_required", "the session is over");
    }
    const tokens = await this.ask({ grant_type: "refresh_token", refresh_token: refreshToken });
    this.take(tokens, this.kept!.person);
    this.fresh = undefined;
    return tokens.access_token;
  }

  /** Whether a token can be had without leaving the page. */
  get canRenew(): boolean {
    return this.fresh !== undefined || this.kept?.refreshToken !== undefined;
  }

  /** Forgets who is signed in; the provider does not. */
  forget(): void {
    this.kept = this.fresh = undefined;
    this.page.storage.removeItem(KEPT);
  }

  /** Signs out here and at the provider (OpenID Connect RP-Initiated Logout 1.0), and leaves. */
  async signOut(): Promise<void> {
    const idToken = this.kept?.idToken;
    this.forget();
    const provider = await this.discover().catch(() => undefined);
    if (!provider?.end_session_endpoint) return this.page.leave(this.page.redirectUri);
    const url = new URL(provider.end_session_endpoint);
    url.searchParams.set("client_id", this.config.clientId);
    url.searchParams.set("post_logout_redirect_uri", this.page.redirectUri);
    if (idToken) url.searchParams.set("id_token_hint", idToken);
    this.page.leave(url.href);
  }

  private discover(): Promise<Provider> {
    this.provider ??= this.discovered().catch((thrown: unknown) => {
      this.provider = undefined; // the next attempt asks again
      throw thrown;
    });
    return this.provider;
  }

  private async discovered(): Promise<Provider> {
    const { issuer } = this.config;
    const found = await this.json<Provider>(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    if (found.issuer !== issuer) throw new SignInError("not-the-issuer", "the provider says that it is another issuer");
    for (const endpoint of [found.authorization_endpoint, found.token_endpoint]) {
      if (typeof endpoint !== "string" || !/^https?:\/\//.test(endpoint)) throw new SignInError("unreachable", "the provider has no code flow");
    }
    return found;
  }

  private async ask(form: Record<string, string>): Promise<Tokens> {
    const { token_endpoint } = await this.discover();
    const body = new URLSearchParams({ ...form, client_id: this.config.clientId });
    const tokens = await this.json<Tokens>(token_endpoint, { method: "POST", body });
    if (typeof tokens.access_token !== "string" || tokens.access_token === "") throw new SignInError("unreachable", "the provider gives no token");
    return tokens;
  }

  private async json<T>(url: string, init: RequestInit = {}): Promise<T> {
    let response: Response;
    let answer: unknown;
    try {
      response = await this.page.fetch(url, { ...init, credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
      answer = await response.json();
    } catch (thrown) {
      throw new SignInError("unreachable", thrown instanceof Error ? thrown.message : String(thrown));
    }
    const { error, error_description } = (answer ?? {}) as { error?: unknown; error_description?: unknown };
    if (!response.ok) throw new SignInError(typeof error === "string" ? error : "unreachable", String(error_description ?? error ?? response.status));
    return answer as T;
  }

  /** Checks an ID token as OpenID Connect Core 1.0, section 3.1.3.7, wants of one that came from the token endpoint itself. */
  private verified(idToken: string | undefined, nonce: string): Person {
    const claims = claimsOf(idToken ?? "");
    const audience = ([] as unknown[]).concat(claims["aud"] ?? []);
    if (claims["iss"] !== this.config.issuer || !audience.includes(this.config.clientId) || typeof claims["sub"] !== "string") {
      throw new SignInError("not-the-issuer", "the ID token is not of the issuer for this client");
    }
    if (claims["nonce"] !== nonce) throw new SignInError("nonce", "the ID token is of another sign-in");
    const name = [claims["name"], claims["preferred_username"], claims["email"]].find((each) => typeof each === "string" && each !== "");
    return { sub: claims["sub"], name: String(name ?? "") };
  }

  private take(tokens: Tokens, person: Person): void {
    const refreshToken = tokens.refresh_token ?? this.kept?.refreshToken; // a provider may leave out one that stays
    const idToken = tokens.id_token ?? this.kept?.idToken;
    this.fresh = tokens.access_token;
    this.kept = { person, ...(refreshToken && { refreshToken }), ...(idToken && { idToken }) };
    this.page.storage.setItem(KEPT, JSON.stringify(this.kept));
  }
}

/** The S256 challenge to a verifier. */
export async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** 256 bits that nobody can guess. */
function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    const bytes = Uint8Array.from(atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    return (JSON.parse(new TextDecoder().decode(bytes)) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function read<T>(storage: Page["storage"], key: string): T | undefined {
  try {
    return (JSON.parse(storage.getItem(key) ?? "null") as T | null) ?? undefined;
  } catch {
    return undefined;
  }
}
