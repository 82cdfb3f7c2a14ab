import { Agent, type Dispatcher, EnvHttpProxyAgent, type Pool } from 'undici';
import type { Settings } from '../../config/settings.js';
import { ProxyPool } from './proxy-pool.js';

/** A proxy cannot reach this machine. */
const LOOPBACK = 'localhost,127.0.0.1,::1';

export type ProxySettings = Pick<Settings, 'HTTP_PROXY' | 'HTTPS_PROXY' | 'NO_PROXY'>;

/**
 * Makes the dispatcher of requests to servers that the operator has chosen: model providers and named MCP servers. They go
 * through the proxy of HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY lists their host. It has no time limits of its own.
 */
export function outboundDispatcher(settings: ProxySettings): Dispatcher {
  const proxy = proxyOptions(settings);
  return proxy ? new EnvHttpProxyAgent(proxy) : new Agent(DISPATCHER_OPTIONS);
}

/**
 * HTTP/1.1, because one reset of a shared HTTP/2 connection would end every response on it. No time limits, because callers
 * have their own.
 */
export const DISPATCHER_OPTIONS = { headersTimeout: 0, bodyTimeout: 0, allowH2: false } as const;

/** Returns the options of an agent that uses the proxies of the settings; undefined if there are none. */
export function proxyOptions({
  HTTP_PROXY,
  HTTPS_PROXY,
  NO_PROXY,
}: ProxySettings): EnvHttpProxyAgent.Options | undefined {
  if (HTTP_PROXY === undefined && HTTPS_PROXY === undefined) return undefined;
  return {
    ...DISPATCHER_OPTIONS,
    clientFactory: (origin: URL, options: Pool.Options) => new ProxyPool(origin, options),
    // Empty texts, because the agent would read the environment for what is missing.
    httpProxy: HTTP_PROXY ?? '',
    httpsProxy: HTTPS_PROXY ?? '',
    noProxy: [LOOPBACK, NO_PROXY].filter(Boolean).join(','),
  };
}
