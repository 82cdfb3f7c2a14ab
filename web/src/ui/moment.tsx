import { useSyncExternalStore } from 'react';
import { ago, dateTime } from './quantity.js';

const EVERY_MS = 10_000;

/** One clock for the whole page; it ticks while something shows it. */
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

/** The time in ms since 1970, brought up to date every 10 s. */
export const useClock = (): number => useSyncExternalStore(watch, () => now);

/** An instant in the past as "2 min. ago", in full as its title. The server's clock may be ahead of this one. */
export function Moment({ at }: { at: string }) {
  return <Instant at={at} now={Math.max(useClock(), Date.parse(at))} />;
}

/** An instant that may lie ahead: "in 90 days". */
export function Deadline({ at }: { at: string }) {
  return <Instant at={at} now={useClock()} />;
}

function Instant({ at, now: seen }: { at: string; now: number }) {
  return (
    <time dateTime={at} title={dateTime(at)}>
      {ago(at, seen)}
    </time>
  );
}
