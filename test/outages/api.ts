import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_KEY } from '../support/server.ts';

const ANSWER_TIMEOUT_MS = 5_000;
const RETRY_MS = 300;

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

export interface Call {
  path: string;
  body?: object;
  headers?: Record<string, string>;
}

/** Posts to each process in turn until one gives a final answer, like a client that never gives up. */
export class Api {
  private readonly servers: () => readonly string[];
  private readonly signal: AbortSignal;

  /** @param signal aborts all calls */
  constructor(servers: () => readonly string[], signal: AbortSignal) {
    this.servers = servers;
    this.signal = signal;
  }

  /** @returns the first answer that is neither 429 nor 5xx; undefined once the signal has aborted */
  async post(call: Call, first = 0): Promise<Answer | undefined> {
    for (let tries = first; !this.signal.aborted; tries += 1) {
      const servers = this.servers();
      const answer = await this.try(servers[tries % servers.length]!, call);
      if (answer && answer.status < 500 && answer.status !== 429) return answer;
      await sleep(RETRY_MS);
    }
    return undefined;
  }

  private async try(server: string, { path, body = {}, headers }: Call): Promise<Answer | undefined> {
    try {
      const response = await fetch(new URL(path, server), {
        method: 'POST',
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify(body),
        signal: AbortSignal.any([this.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
      const text = await response.text();
      return {
        status: response.status,
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      };
    } catch {
      return undefined;
    }
  }
}
