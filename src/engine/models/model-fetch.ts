import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { requireEventStream } from './unexpected-response.js';
import { Agent, fetch as undiciFetch } from 'undici';

/**
 * The `fetch` of all model providers. It has no time limits of its own: a model may think, and an execution may be paused,
 * for longer than the usual five minutes of an HTTP client. ModelCall limits the idle time (MODEL_IDLE_TIMEOUT_MS).
 */
@Injectable()
export class ModelFetch implements OnApplicationShutdown {
  // HTTP/1.1, because one reset of a shared HTTP/2 connection would end every response on it.
  private readonly agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false });

  /** Does not follow redirects, which could carry the API key to another host. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    // The types of undici and of Node's copy of it differ only in name.
    const response = (await undiciFetch(
      input as never,
      { ...init, redirect: 'manual', dispatcher: this.agent } as never,
    )) as unknown as Response;
    return requireEventStream(response);
  };

  /** Closes connections in the last phase of a shutdown: earlier, it would fail calls whose runs are handed over. */
  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }
}
