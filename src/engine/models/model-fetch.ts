import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { eventStreamOf } from './unexpected-answer.js';
import { Agent, fetch as undiciFetch } from 'undici';

/**
 * How providers reach their models. It has no time limits of its own: a model may think, and an
 * execution may be paused, for longer than an HTTP client's usual five minutes. The agent node watches
 * the time (MODEL_IDLE_TIMEOUT_MS).
 */
@Injectable()
export class ModelFetch implements OnApplicationShutdown {
  // HTTP/1.1: over one shared HTTP/2 connection a single reset would end every running answer.
  private readonly agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false });

  /** Follows no redirect: it would carry the API key to another host. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    // undici's own types and Node's copy of them differ only in name.
    const response = (await undiciFetch(
      input as never,
      { ...init, redirect: 'manual', dispatcher: this.agent } as never,
    )) as unknown as Response;
    return eventStreamOf(response);
  };

  /** Not sooner: what is under way when the server is told to stop is handed back first, and must not fail for it. */
  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }
}
