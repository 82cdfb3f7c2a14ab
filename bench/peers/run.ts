// Runs one peer in a process of its own, and publishes events to it on request, in the same way for each peer.
import type { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeEvent, now } from '../load/frame.ts';
import { answerCalls } from '../load/remote.ts';
import type { Peer } from './peer.ts';

const module = (await import(`./${process.argv[2]}.ts`)) as { start(options: string[]): Promise<Peer> };
const peer = await module.start(process.argv.slice(3));
const sockets = new Set<Socket>();
peer.server?.on('connection', (socket: Socket) => {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});
const sequences: number[] = [];
const delay = monitorEventLoopDelay({ resolution: 1 });

function publish(channel: number, count: number, bytes: number): void {
  const last = (sequences[channel] ??= 0);
  sequences[channel] = last + count;
  peer.publish(
    channel,
    Array.from({ length: count }, (_unused, n) => makeEvent(last + 1 + n, bytes)),
  );
}

/** Waits until no socket is full. Memory stays bounded, and the slowest reader sets the pace for every peer alike. */
async function settled(): Promise<void> {
  if (peer.settled) return peer.settled();
  for (const socket of sockets) while (socket.writableNeedDrain && !socket.destroyed) await nextTurn();
}

interface Done {
  events: number;
  began: number;
  cpuMs: number;
}

async function measured(work: () => Promise<number>): Promise<Done> {
  const cpu = process.cpuUsage();
  const began = now();
  const events = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { events, began, cpuMs: (user + system) / 1000 };
}

answerCalls({
  address: () => ({
    port: peer.port,
    headers: peer.headers ?? {},
    pid: peer.pid ?? process.pid,
  }),
  paths: (channels: number | 'all') =>
    channels === 'all'
      ? [peer.multiStreamPath]
      : Array.from({ length: channels }, (_unused, n) => peer.path(n)),

  /** Publishes as fast as the sockets accept it: some events, then the next turn of the event loop. */
  flatOut: (seconds: number, perTurn: number, bytes: number) =>
    measured(async () => {
      const end = now() + seconds * 1000;
      let events = 0;
      while (now() < end) {
        publish(0, perTurn, bytes);
        events += perTurn;
        await nextTurn();
        await settled();
      }
      return events;
    }),

  /** Publishes at a constant rate for each channel, spread over time like events of independent executions. */
  paced: (seconds: number, channels: number, perSecond: number, bytes: number) =>
    measured(async () => {
      const total = Math.floor(seconds * channels * perSecond);
      const began = now();
      let sent = 0;
      await new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          const due = Math.min(total, Math.floor(((now() - began) / 1000) * channels * perSecond));
          for (; sent < due; sent += 1) publish(sent % channels, 1, bytes);
          if (sent < total) return;
          clearInterval(timer);
          resolve();
        }, 1);
      });
      return total;
    }),

  cpu: () => process.cpuUsage(),
  delayStart: () => (delay.enable(), delay.reset()),
  delayStop: () => (delay.disable(), { p99: delay.percentile(99) / 1e6, most: delay.max / 1e6 }),
  collect: () => globalThis.gc?.(),
  connections: () => sockets.size,
  ...peer.methods,
  stop: async () => {
    peer.server?.closeAllConnections();
    await peer.stop?.();
    setImmediate(() => process.exit(0));
  },
});
