import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import type { BenchEvent } from '../load/frame.ts';

/** A server under test, as the benchmark drives it. */
export interface Peer {
  port: number;
  /** Process whose memory counts, when it is not the one that publishes. */
  pid?: number;
  /** Its HTTP server, when it runs in this process. */
  server?: Server;
  /** Where channel number n is watched. */
  path(channel: number): string;
  /** Where all channels are watched through one stream, for those that have it. */
  pathOfMany?: string;
  headers?: Record<string, string>;
  /** Publishes consecutive events of a channel. */
  publish(channel: number, events: BenchEvent[]): void;
  /** Resolves when what was published has been taken; without it, the sockets of `server` are looked at. */
  settled?(): Promise<void>;
  /** What only this peer can do, for the orchestrator to call. */
  methods?: Record<string, (...args: never[]) => unknown>;
  stop?(): Promise<void>;
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port;
