/** What a browser tells about the page and the network. In Node nothing tells anything. */
export interface Surroundings {
  /** Calls back when the network or the page comes back: what was asleep is to look again. Gives what ends that. */
  onWake(listener: (why: "online" | "visible" | "restored") => void): () => void;
  /** Calls back when there is no network any more. */
  onOffline?(listener: () => void): () => void;
  /** Calls back when the page is hidden. */
  onHidden(listener: () => void): () => void;
}

type Target = Pick<EventTarget, "addEventListener" | "removeEventListener">;

export function browserSurroundings(page: Target | undefined, document: (Target & { visibilityState: string }) | undefined): Surroundings {
  const listen = (target: Target | undefined, type: string, listener: (event: Event) => void) => {
    target?.addEventListener(type, listener);
    return () => target?.removeEventListener(type, listener);
  };
  return {
    onWake(listener) {
      const ends = [
        listen(page, "online", () => listener("online")),
        listen(page, "pageshow", (event) => {
          if ((event as PageTransitionEvent).persisted) listener("restored"); // from the back/forward cache, its connections cut
        }),
        listen(document, "visibilitychange", () => {
          if (document?.visibilityState === "visible") listener("visible");
        }),
      ];
      return () => ends.forEach((end) => end());
    },
    onOffline: (listener) => listen(page, "offline", listener),
    onHidden(listener) {
      return listen(document, "visibilitychange", () => {
        if (document?.visibilityState === "hidden") listener();
      });
    },
  };
}

export function surroundings(): Surroundings {
  const here = globalThis as { window?: Target; document?: Target & { visibilityState: string } };
  return browserSurroundings(here.window, here.document);
}
