import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Store } from "../../typescript/src/index.js";

/** What a store has now; the component is drawn again when that changes. */
export function useStore<T>(store: Store<T>): T {
  const [, draw] = useState<T>(store.getSnapshot);
  useLayoutEffect(() => {
    const changed = () => draw(() => store.getSnapshot());
    changed(); // it may have changed between the drawing and now
    return store.subscribe(changed);
  }, [store]);
  return store.getSnapshot();
}

/** A function that is the same each time, and does what the newest one would: who is given it need not be drawn again. */
export function useStable<Given extends unknown[], Result>(act: (...given: Given) => Result): (...given: Given) => Result {
  const newest = useRef(act);
  newest.current = act;
  return useCallback((...given: Given) => newest.current(...given), []);
}
