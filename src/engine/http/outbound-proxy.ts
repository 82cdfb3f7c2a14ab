import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import type { Settings } from '../../config/settings.js';

/** A proxy cannot reach this machine. */
const LOOPBACK = 'localhost,127.0.0.1,::1';

export type ProxySettings = Pick<Settings, 'HTTP_PROXY' | 'HTTPS_PROXY' | 'NO_PROXY'>;

/**
 * Makes the dispatcher of requests to servers that the operator has chosen: model providers and named MCP servers. They go
 * through the proxy of HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY lists their host. It has no time limits of its own.
 */
export function outboundDispatcher({ HTTP_PROXY, HTTPS_PROXY, NO_PROXY }: ProxySettings): Dispatcher {
  // HTTP/1.1, because one reset of a shared HTTP/2 connection would end every response on it.
  const options = { headersTimeout: 0, bodyTimeout: 0, allowH2: false };
  if (HTTP_PROXY === undefined && HTTPS_PROXY === undefined) return new Agent(options);
  return new EnvHttpProxyAgent({
    ...options,
    // Empty texts, because the agent would read the environment for what is missing.
    httpProxy: HTTP_PROXY ?? '',
    httpsProxy: HTTPS_PROXY ?? '',
    noProxy: [LOOPBACK, NO_PROXY].filter(Boolean).join(','),
  });
}
