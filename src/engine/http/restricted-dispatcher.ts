import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { CheckedProxyPool } from './checked-proxy-pool.js';
import type { HostPolicy } from './host-policy.js';
import { DISPATCHER_OPTIONS, proxyOptions, type ProxySettings } from './outbound-proxy.js';
import { pinnedConnector } from './pinned-connector.js';

/**
 * Makes the dispatcher of requests to hosts that callers name. The policy checks every host before a request leaves, also if
 * it goes through the operator's proxy. An open connection may be reused without another check, because the policy does not
 * change while the server runs.
 */
export function restrictedDispatcher(hosts: HostPolicy, settings: ProxySettings): Dispatcher {
  const connect = pinnedConnector(hosts);
  const proxy = proxyOptions(settings);
  if (!proxy) return new Agent({ ...DISPATCHER_OPTIONS, connect });
  return new EnvHttpProxyAgent({
    ...proxy,
    // For the hosts of NO_PROXY.
    connect,
    // Without a tunnel the proxy would resolve the host name again, and could get an address that is not allowed.
    proxyTunnel: true,
    clientFactory: (origin, options) => new CheckedProxyPool(origin, options, hosts),
  });
}
