import { isIPv4, isIPv6 } from 'node:net';
import type { Pool } from 'undici';
import { NodeError, TransientError } from '../extension/node-handler.js';
import type { HostPolicy } from './host-policy.js';
import { codeOf } from './error-code.js';
import { ProxyPool } from './proxy-pool.js';

/**
 * Asks the proxy to connect to the address that the policy has checked, and not to the name, which a hostile name server could
 * resolve differently for the proxy. Only hosts that HTTP_ALLOWED_HOSTS lists by name are passed on as they are, so that names
 * which only the proxy can resolve work.
 */
export class CheckedProxyPool extends ProxyPool {
  constructor(
    origin: URL,
    options: Pool.Options,
    private readonly hosts: HostPolicy,
  ) {
    super(origin, options);
  }

  /**
   * @throws NodeError `host_not_allowed`, `host_not_found`
   * @throws TransientError `http_connect_failed`
   */
  protected override async targetOf(host: string, port: number): Promise<string> {
    if (this.hosts.allowsByName(host, port)) return `${host}:${port}`;
    const addresses = await this.addressesOf(host, port);
    // Many networks have no IPv6.
    const address = addresses.find((each) => isIPv4(each)) ?? addresses[0] ?? host;
    return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
  }

  private async addressesOf(host: string, port: number): Promise<string[]> {
    try {
      return await this.hosts.addressesOf(host, port);
    } catch (error) {
      const code = codeOf(error);
      if (error instanceof NodeError || (code !== 'ENOTFOUND' && code !== 'EAI_AGAIN')) throw error;
      const text = `This server finds no address of ${host} (${code}), so it cannot check it. Check the spelling. If only the proxy knows the name, the operator of this server can add it to HTTP_ALLOWED_HOSTS.`;
      throw code === 'ENOTFOUND'
        ? new NodeError('host_not_found', text)
        : new TransientError('http_connect_failed', text, undefined, { cause: error });
    }
  }
}
