import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import type { BenchEvent } from '../load/frame.ts';

/** A server under test, as the benchmark controls it. */
export interface Peer {
  port: number;
  /** The process whose memory is measured, if it is not the one that publishes. */
  pid?: number;
  /** The HTTP server, if it runs in this process. */
  server?: Server;
  /** Returns the path of the stream of channel number n. */
  path(channel: number): string;
  /** Path of a stream of all channels, for peers that have one. */
  multiStreamPath?: string;
  headers?: Record<string, string>;
  /** Publishes consecutive events of a channel. */
  publish(channel: number, events: BenchEvent[]): void;
  /** Resolves when the peer has sent all published events. Without it, the benchmark checks the sockets of `server`. */
  settled?(): Promise<void>;
  /** Calls that only this peer answers. */
  methods?: Record<string, (...args: never[]) => unknown>;
  stop?(): Promise<void>;
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port;
