// The load client: raw sockets that read streams, in a process of its own. It counts the ends of frames. On some of its
// connections it also samples the age of events on arrival, or checks that their ids are 1, 2, 3 …
import { connect, type Socket } from 'node:net';
import { now } from './frame.ts';
import { answerCalls } from './remote.ts';

export interface OpenOptions {
  port: number;
  /** Paths to open, in turn. */
  paths: string[];
  headers: Record<string, string>;
  count: number;
  /** Bytes per second to read; 0 stops after the headers. Undefined reads without limit. */
  rate?: number;
  /** Checks the id of every frame. */
  verify?: boolean;
  /** How many connections to open concurrently. */
  parallel?: number;
  group?: string;
}

const FRAME_END = Buffer.from('\n\n');
/** Bytes before each read that the unread rest of the previous read may take. */
const HEADROOM = 256;
const shared = Buffer.allocUnsafe(HEADROOM + 256 * 1024);
const ID = Buffer.from('\nid: ');
const END = Buffer.from('event: execution:completed');
const LF = 10;

class Reader {
  frames = 0;
  bytes = 0;
  lastId = 0;
  disorder = 0;
  opened = false;
  ended = false;
  status = 0;
  finishedAt = 0;
  private endedInBreak = false;
  private head = '';
  /** The last bytes so far, and how many of them have not been checked yet. */
  private carried = Buffer.alloc(0);
  private unread = 0;
  private socket: Socket | undefined;

  private readonly options: OpenOptions;
  private readonly path: string;
  private readonly samples: number[] | undefined;

  constructor(options: OpenOptions, path: string, samples: number[] | undefined) {
    this.options = options;
    this.path = path;
    this.samples = samples;
  }

  get group(): string {
    return this.options.group ?? '';
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { port, rate } = this.options;
      const buffer = rate === undefined ? shared : Buffer.allocUnsafe(HEADROOM + 4096);
      const socket = connect({
        port,
        host: '127.0.0.1',
        onread: {
          buffer: buffer.subarray(HEADROOM),
          callback: (length: number): boolean => {
            const wasOpen = this.opened;
            this.read(buffer, HEADROOM + length);
            if (!wasOpen && this.opened) resolve();
            return !this.opened || this.mayContinue(length);
          },
        },
      });
      this.socket = socket;
      const lines = Object.entries(this.options.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(
        `GET ${this.path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n${lines.join('')}\r\n`,
      );
      socket.on('error', (error) => {
        this.ended = true;
        reject(error);
      });
      socket.on('close', () => {
        this.ended = true;
        // The terminal event is short, and is the last one of its stream.
        if (this.carried.includes(END)) this.finishedAt = now();
        reject(new Error(`closed during set-up, after: ${this.head.slice(0, 300)}`));
      });
    });
  }

  close(): void {
    this.socket?.destroy();
  }

  /** Reads without a rate limit from now on. */
  readFreely(): void {
    delete this.options.rate;
    this.socket?.resume();
  }

  private mayContinue(length: number): boolean {
    const { rate } = this.options;
    if (rate === undefined) return true;
    if (rate > 0) setTimeout(() => this.socket?.resume(), (length / rate) * 1000);
    return false;
  }

  private read(buffer: Buffer, end: number): void {
    const chunk = buffer.subarray(HEADROOM, end);
    this.bytes += chunk.length;
    if (!this.opened) {
      this.head += chunk.toString('latin1');
      const body = this.head.indexOf('\r\n\r\n');
      if (body === -1) return;
      this.status = Number(this.head.slice(9, 12));
      if (this.status !== 200) return;
      this.opened = true;
      if (this.options.verify) {
        const rest = Buffer.from(this.head.slice(body), 'latin1');
        this.check(Buffer.concat([Buffer.alloc(HEADROOM), rest]), HEADROOM + rest.length);
      }
      return;
    }
    if (this.options.verify) {
      this.check(buffer, end);
      return;
    }
    if (this.endedInBreak && chunk[0] === 10) this.frames += 1;
    // Most frames are as long as the previous one. Checking two bytes first keeps the client from being the bottleneck.
    for (let [at, step] = [-2, 0]; ; this.frames += 1) {
      const guess = at + step;
      if (step > 0 && chunk[guess] === LF && chunk[guess + 1] === LF) {
        at = guess;
        continue;
      }
      const found = chunk.indexOf(FRAME_END, at + 2);
      if (found === -1) break;
      [at, step] = [found, found - at];
    }
    this.endedInBreak = chunk.at(-1) === 10 && chunk.at(-2) !== 10;
    if (this.samples) this.sample(chunk);
  }

  private sample(chunk: Buffer): void {
    const at = chunk.indexOf('"sent":');
    if (at === -1 || at + 30 > chunk.length) return;
    this.samples!.push(now() - Number.parseFloat(chunk.toString('latin1', at + 7, at + 30)));
  }

  /** Checks the id line at the end of every event, without copying: the client must not be the bottleneck. */
  private check(buffer: Buffer, end: number): void {
    const begin = HEADROOM - this.carried.length;
    this.carried.copy(buffer, begin);
    let unread = Math.max(HEADROOM - this.unread, end - ID.length + 1);
    for (let at = HEADROOM - this.unread; ;) {
      const start = buffer.indexOf(ID, at);
      if (start === -1 || start >= end) break;
      at = start + ID.length;
      let id = 0;
      for (; at < end && buffer[at] !== LF; at += 1) id = id * 10 + buffer[at]! - 48;
      if (at >= end) {
        unread = start;
        break;
      }
      this.frames += 1;
      if (id !== this.lastId + 1) this.disorder += 1;
      this.lastId = id;
    }
    this.unread = end - unread;
    this.carried = Buffer.from(buffer.subarray(Math.max(begin, end - HEADROOM), end));
  }
}

let readers: Reader[] = [];
let samples: number[] = [];

const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

answerCalls({
  /** @returns how many connections per second were accepted and answered */
  async open(options: OpenOptions): Promise<{ perSecond: number; failed: number; reason?: string }> {
    const began = performance.now();
    let next = 0;
    let failed = 0;
    let reason: string | undefined;
    const open = async () => {
      while (next < options.count) {
        const index = next++;
        // 50 sampled connections show the tail without slowing the client.
        const sampled =
          index % Math.max(1, Math.floor(options.count / 50)) === 0 && options.rate === undefined;
        const reader = new Reader(
          { ...options },
          options.paths[index % options.paths.length]!,
          sampled && !options.verify ? samples : undefined,
        );
        readers.push(reader);
        try {
          await reader.open();
        } catch (error) {
          failed += 1;
          reason ??= String(error);
        }
      }
    };
    await Promise.all(Array.from({ length: options.parallel ?? 100 }, open));
    const perSecond = (options.count / (performance.now() - began)) * 1000;
    return { perSecond, failed, ...(reason !== undefined && { reason }) };
  },

  reset(): void {
    samples.length = 0;
    for (const reader of readers) reader.frames = reader.bytes = 0;
  },

  /** Waits until that many frames have arrived, or until none has arrived for `patienceMs`. */
  async received(frames: number, patienceMs = 5_000): Promise<{ frames: number; at: number }> {
    let [seen, at] = [0, now()];
    for (;;) {
      const count = sum(readers.map((reader) => reader.frames));
      if (count !== seen) [seen, at] = [count, now()];
      if (count >= frames || now() - at > patienceMs) return { frames: count, at };
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  },

  latency(): { samples: number; median: number; p99: number; most: number } {
    const sorted = samples.toSorted((a, b) => a - b);
    const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
    return { samples: sorted.length, median: quantile(0.5), p99: quantile(0.99), most: sorted.at(-1) ?? NaN };
  },

  state(group = ''): {
    connections: number;
    open: number;
    frames: number;
    bytes: number;
    leastId: number;
    mostId: number;
    disorder: number;
    finished: number;
  } {
    const mine = readers.filter((reader) => reader.group === group);
    return {
      connections: mine.length,
      open: mine.filter((reader) => reader.opened && !reader.ended).length,
      frames: sum(mine.map((reader) => reader.frames)),
      bytes: sum(mine.map((reader) => reader.bytes)),
      leastId: Math.min(...mine.map((reader) => reader.lastId)),
      mostId: Math.max(...mine.map((reader) => reader.lastId)),
      disorder: sum(mine.map((reader) => reader.disorder)),
      finished: mine.filter((reader) => reader.finishedAt > 0).length,
    };
  },

  readFreely(group: string): void {
    for (const reader of readers) if (reader.group === group) reader.readFreely();
  },

  /** Closes some connections at random, or all. @returns how many */
  close(group?: string, most = Infinity): number {
    const leaving = readers.filter((reader) => group === undefined || reader.group === group);
    const closed = new Set(
      most === Infinity ? leaving : leaving.toSorted(() => Math.random() - 0.5).slice(0, most),
    );
    for (const reader of closed) reader.close();
    readers = readers.filter((reader) => !closed.has(reader));
    if (readers.length === 0) samples = [];
    return closed.size;
  },

  cpu: () => process.cpuUsage(),
  stop: () => undefined,
});
