import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { type Dispatcher, fetch as undiciFetch } from 'undici';
import { Settings } from '../../config/settings.js';
import { refersToSecret } from '../extension/secret-references.js';
import { outboundDispatcher, type ProxySettings } from '../http/outbound-proxy.js';
import { currentObserver } from './usage-observer.js';
import type { WireFormat } from './wire/stream-normalizer.js';
import { tolerantResponse } from './wire/tolerant-response.js';

/**
 * The `fetch` of all model providers. It has no time limits of its own: a model may think, and an execution may be paused,
 * for longer than the usual five minutes of an HTTP client. ModelCall limits the idle time (MODEL_IDLE_TIMEOUT_MS).
 */
@Injectable()
export class ModelFetch implements OnApplicationShutdown {
  private readonly dispatcher: Dispatcher;

  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_EVENT_MAX_BYTES'> & ProxySettings,
  ) {
    this.dispatcher = outboundDispatcher(settings);
  }

  /**
   * Returns a `fetch` for providers that stream in this format. It repairs or drops what the AI SDK would refuse, and writes
   * the usage that it sees into the observer of the current call. With `other` it does neither. It does not follow redirects,
   * which could carry the API key to another host.
   */
  for(format: WireFormat): typeof globalThis.fetch {
    return async (input, init) => {
      const observer = currentObserver();
      const headers = Object.fromEntries(new Headers(init?.headers));
      const url = typeof input === 'string' ? input : 'href' in input ? input.href : input.url;
      // Redirects are not followed, so no secret is carried to another origin.
      const sent =
        observer?.revealSetting && Object.values(headers).some(refersToSecret)
          ? await observer.revealSetting(headers, { url })
          : headers;
      // The types of undici and of Node's copy of it differ only in name.
      const response = (await undiciFetch(
        input as never,
        { ...init, headers: sent, redirect: 'manual', dispatcher: this.dispatcher } as never,
      )) as unknown as Response;
      if (format === 'other') return response;
      return tolerantResponse(response, {
        format,
        observer,
        maxEventBytes: this.settings.MODEL_EVENT_MAX_BYTES,
      });
    };
  }

  /** Closes connections in the last phase of a shutdown: earlier, it would fail calls whose runs are handed over. */
  async onApplicationShutdown(): Promise<void> {
    await this.dispatcher.destroy();
  }
}
