import { useSyncExternalStore } from 'react';
import { ago, dateTime } from './quantity.js';

const TICK_MS = 10_000;

/** All components share one clock. It runs only while a component uses it. */
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

function watch(listener: () => void): () => void {
  watchers.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const watcher of watchers) watcher();
  }, TICK_MS);
  return () => {
    watchers.delete(listener);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Returns the time in ms since 1970. Updates it every 10 s. */
export const useClock = (): number => useSyncExternalStore(watch, () => now);

/**
 * Shows a time in the past, such as "2 min. ago". Its title is the full time. The server's clock may be ahead of the local
 * one, so a time in the future counts as now.
 */
export function Moment({ at }: { at: string }) {
  return <Instant at={at} now={Math.max(useClock(), Date.parse(at))} />;
}

/** Shows a time that may be in the future, such as "in 90 days". */
export function Deadline({ at }: { at: string }) {
  return <Instant at={at} now={useClock()} />;
}

function Instant({ at, now: current }: { at: string; now: number }) {
  return (
    <time dateTime={at} title={dateTime(at)}>
      {ago(at, current)}
    </time>
  );
}
