import { Problem } from "./problem.js";

export type GetToken = () => string | Promise<string>;

/** How long before its end a token is replaced, milliseconds; of a short one a tenth of its life. */
const LEEWAY = 30_000;

/** Keeps the access token, and asks for another one when there is none, when it was refused, and when it is about to expire: once at a time. */
export class Tokens {
  private token: string | undefined;
  private renewAt = Infinity; // by `now`
  private asking: Promise<string> | undefined;

  constructor(
    private readonly ask: GetToken,
    /** Milliseconds of a clock that nobody moves. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  get(): Promise<string> {
    if (this.token !== undefined && this.now() < this.renewAt) return Promise.resolve(this.token);
    this.asking ??= this.renew().finally(() => (this.asking = undefined));
    return this.asking;
  }

  /** Says that the server has refused a token. One that has been replaced meanwhile changes nothing. */
  refuse(token: string): void {
    if (token === this.token) this.token = undefined;
  }

  /** The token that is there is not to be used any more. */
  renewNext(): void {
    this.token = undefined;
  }

  private async renew(): Promise<string> {
    let token: string;
    try {
      token = await this.ask();
    } catch (cause) {
      throw new Problem("no-token", 0, `getToken: ${cause instanceof Error ? cause.message : String(cause)}`, "", undefined, { cause });
    }
    if (typeof token !== "string" || token === "") throw new Problem("no-token", 0, "getToken gave no token");
    this.token = token;
    const life = lifeOf(token);
    this.renewAt = this.now() + life - Math.min(LEEWAY, life / 10);
    return token;
  }
}

/**
 * For how long a token is good from now, milliseconds. This machine's clock may be wrong by days: then it is what the issuer has given it
 * between `iat` and `exp`, and a token that ends earlier is refused by the server, and replaced. Infinity where the token does not say.
 */
export function lifeOf(token: string): number {
  const { exp, iat } = claimsOf(token);
  if (typeof exp !== "number") return Infinity;
  const left = exp * 1000 - Date.now();
  const whole = typeof iat === "number" ? (exp - iat) * 1000 : Infinity;
  if (left > 0 && left <= whole) return left;
  return whole > 0 ? whole : Infinity;
}

/** What a JWT claims, not verified; nothing where it is no JWT. */
export function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/"));
    const claims: unknown = JSON.parse(payload);
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
