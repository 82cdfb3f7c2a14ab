import { get } from 'node:http';
import { pipeline } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';
import { ADMIN_KEY } from './server.js';

/** Decides where a connection breaks: returns how many characters of the text still arrive, or undefined for all. */
export type Cutter = (text: string) => number | undefined;

export interface LineEvent {
  id: string;
  type: string;
  data: { executionId: string; [field: string]: unknown };
}

/**
 * An SSE client that stores an id as soon as it has read the id's line, and not when it dispatches the event. eventsource 2,
 * @sanity/eventsource and @microsoft/fetch-event-source do the same. It reconnects until `isDone`, or until the status is not 200.
 */
export class LineClient {
  readonly events: LineEvent[] = [];
  lastEventId = '';
  status = 0;
  connections = 0;

  constructor(
    private readonly url: URL,
    private readonly options: {
      /** Breaks connections in the client, for compressed streams whose text a proxy cannot see. */
      cutter?: (() => Cutter) | undefined;
      gzip?: boolean;
    } = {},
  ) {}

  async read(isDone: (client: LineClient) => boolean = () => false): Promise<this> {
    do {
      this.connections += 1;
      await this.connect(isDone);
    } while (this.status === 200 && !isDone(this));
    return this;
  }

  private connect(isDone: (client: LineClient) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const headers = {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(this.lastEventId !== '' && { 'last-event-id': this.lastEventId }),
      ...(this.options.gzip && { 'accept-encoding': 'gzip' }),
    };
    const request = get(this.url, { headers, agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      const cutter = this.options.cutter?.();
      let rest = '';
      let event: Partial<Record<string, string>> = {};
      const line = (text: string): void => {
        const [, field = '', value = ''] = /^(\w*): ?(.*)$/.exec(text) ?? [];
        if (field === 'id') this.lastEventId = value;
        if (text !== '') event[field] = value;
        else {
          // Only recorded events have an id.
          if (
            event['data'] !== undefined &&
            event['id'] !== undefined &&
            !event['event']!.startsWith('connection:')
          )
            this.events.push({ id: event['id'], type: event['event']!, data: JSON.parse(event['data']) });
          event = {};
        }
      };
      let isCut = false;
      const take = (text: string): void => {
        // The decoder still emits what arrived before the cut.
        if (isCut) return;
        const most = cutter?.(text);
        const lines = (rest + text.slice(0, most)).split('\n');
        rest = lines.pop()!;
        lines.forEach(line);
        isCut = most !== undefined || isDone(this);
        if (isCut) request.destroy();
      };
      // Wait for the end of the decoded text, which may come later than the end of the response.
      const body = this.options.gzip
        ? pipeline(response, createGunzip({ flush: constants.Z_SYNC_FLUSH }), () => undefined)
        : response;
      body.setEncoding('utf8').on('data', take);
      body.on('error', () => undefined).once('close', () => resolve());
    });
    request.on('error', () => resolve());
    return promise;
  }
}

/**
 * Returns cutters that break each connection inside its second event: in turn after its first line, in the middle of its
 * second line, after its second line, and in the middle of its third line.
 */
export function insideFrames(): () => Cutter {
  let connections = 0;
  return () => {
    const position = connections++ % 4;
    let passed = 0;
    return (text) => {
      for (const [frame] of text.matchAll(/(?:^|(?<=\n))(?:\w+: .*\n)+\n/g)) {
        if (/^event: connection:/m.test(frame) || !/^data: /m.test(frame)) continue;
        passed += 1;
        if (passed !== 2) continue;
        const [first = '', second = '', third = ''] = frame.match(/.*\n/g) ?? [];
        const within = [
          first.length,
          first.length + Math.ceil(second.length / 2),
          first.length + second.length,
          first.length + second.length + third.length - 2,
        ][position]!;
        return text.indexOf(frame) + within;
      }
      return undefined;
    };
  };
}
