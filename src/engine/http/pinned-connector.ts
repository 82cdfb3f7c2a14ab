import { isIPv6, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { HostPolicy } from './host-policy.js';

/**
 * Makes a connector that opens connections only to addresses that the policy has approved. The socket keeps the host name,
 * which TLS verifies, but uses the approved addresses instead of a DNS lookup.
 */
export function pinnedConnector(hosts: Pick<HostPolicy, 'addressesOf'>): buildConnector.connector {
  const connect = async (
    options: buildConnector.Options,
    callback: buildConnector.Callback,
  ): Promise<void> => {
    try {
      const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
      const addresses = await hosts.addressesOf(options.hostname, port);
      buildConnector({ allowH2: false, lookup: pinned(addresses) })(options, callback);
    } catch (error) {
      callback(error as Error, null);
    }
  };
  return (options, callback) => void connect(options, callback);
}

/** A lookup function that always returns these addresses. */
const pinned =
  (addresses: readonly string[]): LookupFunction =>
  (_name, options, callback) => {
    const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    const [first] = found;
    if (options.all || !first) callback(null, found);
    else callback(null, first.address, first.family);
  };
