import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerProcess } from './build.ts';

const MEMORY_PROBE = fileURLToPath(new URL('memory-probe.mjs', import.meta.url));
const POLL_MS = 10;

/** What a server holds after a collection: bytes, and the number of timers that keep it running. */
export interface Memory {
  heapUsed: number;
  external: number;
  rss: number;
  timers: number;
}

/** Collects the garbage of a server that was started with the memory probe, and returns what is left. */
export async function memoryOf(server: ServerProcess): Promise<Memory> {
  const from = server.output.length;
  process.kill(server.pid, 'SIGUSR2');
  for (;;) {
    const [, json] = /memory (.+);/.exec(server.output.slice(from)) ?? [];
    if (json) return JSON.parse(json) as Memory;
    await sleep(POLL_MS);
  }
}

/** Options of Node with which a server answers `memoryOf`. */
export const MEMORY_OPTIONS = ['--expose-gc', '--import', MEMORY_PROBE];
