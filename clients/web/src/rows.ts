// Which of a timeline's messages are in the page: a run of them, so that a long timeline costs no more than a short one.

/** The most rows that are in the page at once. */
export const MAX_ROWS = 150;
/** By how many the run moves: they are drawn within one frame. */
export const STEP = 20;

/** Where the run begins: at a message, by its key; undefined: it ends with the newest, whatever comes. */
export interface View {
  top: string | undefined;
  /** Where that message was last, in case that it is gone. */
  at: number;
}

export const END: View = { top: undefined, at: 0 };

interface Keyed {
  key: string;
}

/** The index of the first message in the page, and that behind the last. */
export function run(items: readonly Keyed[], view: View): { from: number; to: number } {
  if (view.top === undefined) return { from: Math.max(0, items.length - MAX_ROWS), to: items.length };
  const found = items.findIndex(({ key }) => key === view.top);
  const from = found >= 0 ? found : Math.min(view.at, Math.max(0, items.length - 1));
  return { from, to: Math.min(items.length, from + MAX_ROWS) };
}

/** Keeps the run where it is, whatever comes behind it. */
export function held(items: readonly Keyed[], view: View): View {
  if (view.top !== undefined || items.length === 0) return view;
  return at(items, run(items, view).from);
}

/** Moves the run towards the oldest. */
export function up(items: readonly Keyed[], view: View): View {
  const { from } = run(items, view);
  return from === 0 ? view : at(items, Math.max(0, from - STEP));
}

/** Moves the run towards the newest; where it reaches them it stays with them if `live`. */
export function down(items: readonly Keyed[], view: View, live: boolean): View {
  const { from, to } = run(items, view);
  if (to === items.length) return live ? END : view;
  return at(items, Math.min(from + STEP, Math.max(0, items.length - MAX_ROWS)));
}

function at(items: readonly Keyed[], index: number): View {
  return { top: items[index]?.key, at: index };
}

/** The index of the first for which `is` holds, as it then does for all behind it; -1: for none. */
export function firstOf<T>(all: ArrayLike<T>, is: (one: T) => boolean): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(all[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low < all.length ? low : -1;
}
