/** A hidden page gets no animation frames. It is updated at this interval instead, in ms. */
const HIDDEN_MS = 250;
/** Interval where `requestAnimationFrame` does not exist, in ms. */
const WITHOUT_FRAMES_MS = 16;

const due = new Set<() => void>();
let frame: number | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * Calls `update` once in the next animation frame, even if it is scheduled several times. All stores share the frame, so
 * that React renders once for all of them.
 */
export function inNextFrame(update: () => void): void {
  due.add(update);
  if (timer !== undefined) return;
  const frames = typeof requestAnimationFrame === 'function';
  if (frames) frame = requestAnimationFrame(flush);
  timer = setTimeout(flush, frames ? HIDDEN_MS : WITHOUT_FRAMES_MS);
}

function flush(): void {
  clearTimeout(timer);
  if (frame !== undefined) cancelAnimationFrame(frame);
  timer = undefined;
  frame = undefined;
  const updates = [...due];
  due.clear();
  for (const update of updates) update();
}
