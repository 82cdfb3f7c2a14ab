/** A hidden page has no frames; it is brought up to date at this pace instead, in ms. */
const HIDDEN_MS = 250;
const WITHOUT_FRAMES_MS = 16;

const due = new Set<() => void>();
let frame: number | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * Calls `update` once with the next animation frame, however often it is asked to before. All stores share the frame,
 * so that React renders once for all of them.
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
