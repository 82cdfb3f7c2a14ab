import { type ClientRequest, get } from 'node:http';
import { KEY } from './build.ts';

/** An event as a watcher received it. */
export interface Arrival {
  sequence: number;
  type: string;
  data: { timestamp: string; attempt?: number };
  /** Time of arrival, in ms since the epoch. */
  at: number;
}

const TERMINAL = /^execution:(completed|failed|cancelled)$/;

/** Reads the stream of one execution, and reconnects after its last event until the terminal event has arrived. */
export class Watcher {
  /** Every event so far, in order of arrival. */
  readonly arrivals: Arrival[] = [];
  /** How often it has connected so far. */
  connects = 0;
  private readonly bases: readonly string[];
  private readonly path: string;
  private readonly retryMs: number;
  private readonly ending = Promise.withResolvers<void>();
  private wake = Promise.withResolvers<void>();
  private request: ClientRequest | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /**
   * @param bases addresses of the processes, which it tries in turn
   * @param retryMs pause between two attempts to connect
   */
  constructor(bases: readonly string[], executionId: string, retryMs: number) {
    this.bases = bases;
    this.path = `/api/executions/${executionId}/stream`;
    this.retryMs = retryMs;
    this.connect();
  }

  /** Waits for the first event for which `condition` holds. */
  async first(condition: (arrival: Arrival) => boolean): Promise<Arrival> {
    for (;;) {
      const found = this.arrivals.find(condition);
      if (found) return found;
      if (this.closed) throw new Error(`the watcher of ${this.path} has ended`);
      await this.wake.promise;
    }
  }

  /** Waits for the terminal event. */
  end(): Promise<void> {
    return this.ending.promise;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.request?.destroy();
    this.ending.resolve();
    this.wake.resolve();
  }

  private connect(): void {
    const last = this.arrivals.at(-1)?.sequence;
    const headers = {
      authorization: `Bearer ${KEY}`,
      ...(last !== undefined && { 'last-event-id': String(last) }),
    };
    const base = this.bases[this.connects % this.bases.length]!;
    this.connects += 1;
    this.request = get(`${base}${this.path}`, { headers, agent: false }, (response) => {
      let rest = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        const at = Date.now();
        const frames = (rest + text).split('\n\n');
        rest = frames.pop() ?? '';
        for (const frame of frames) this.read(frame, at);
      });
      response.on('error', () => undefined);
    });
    this.request.on('error', () => undefined);
    this.request.once('close', () => {
      if (!this.closed) this.timer = setTimeout(() => this.connect(), this.retryMs);
    });
  }

  private read(frame: string, at: number): void {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
    const [id, type, data] = [field('id'), field('event'), field('data')];
    if (id === undefined || type === undefined || data === undefined) return;
    this.arrivals.push({ sequence: Number(id), type, data: JSON.parse(data) as Arrival['data'], at });
    const { wake } = this;
    this.wake = Promise.withResolvers<void>();
    wake.resolve();
    if (TERMINAL.test(type)) this.close();
  }
}
