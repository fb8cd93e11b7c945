// Pictures of rooms. They load through our media only: others have an address that could tell elsewhere who looks.

const OURS = /\/api\/media\/rooms\/[0-9a-f-]{36}\/[0-9a-f-]{36}\.jpg$/i;

/** Where the page loads a picture that rooms have by an address; undefined: it is none of our media's, or the API (its origin, "" for the page's) is not where the page may load pictures from. */
export function pictureOf(address: string | null | undefined, api: string, page: string): string | undefined {
  if (api !== "" && api.replace(/\/+$/, "") !== page) return undefined;
  const found = OURS.exec(address ?? "");
  return found ? page + found[0] : undefined;
}
