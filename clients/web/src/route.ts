import { useEffect, useState } from "preact/hooks";

export type Route = { page: "rooms" | "friends" | "inbox" | "settings" } | { page: "room"; id: string };

export function routeOf(hash: string): Route {
  const [, page, id] = hash.split("/");
  if (page === "rooms" && id) return { page: "room", id: decoded(id) };
  if (page === "friends" || page === "inbox" || page === "settings") return { page };
  return { page: "rooms" };
}

export function hashOf(route: Route): string {
  return route.page === "room" ? `#/rooms/${encodeURIComponent(route.id)}` : route.page === "rooms" ? "#/" : `#/${route.page}`;
}

export function go(route: Route): void {
  location.hash = hashOf(route);
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    changed(); // it may have changed since the first drawing
    return () => removeEventListener("hashchange", changed);
  }, []);
  return routeOf(hash);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
