import { useSyncExternalStore } from 'react';
import { ago, dateTime } from './quantity.js';

const EVERY_MS = 10_000;

/** One clock for all: it ticks while somebody looks at it. */
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

function watch(listener: () => void): () => void {
  watchers.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const watcher of watchers) watcher();
  }, EVERY_MS);
  return () => {
    watchers.delete(listener);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** An instant as "2 min. ago", in full as its title. */
export function Moment({ at }: { at: string }) {
  const seen = Math.max(
    useSyncExternalStore(watch, () => now),
    Date.parse(at),
  );
  return (
    <time dateTime={at} title={dateTime(at)}>
      {ago(at, seen)}
    </time>
  );
}
