import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { NodeError } from '../extension/node-handler.js';
import { addressMatches, isPublicAddress } from './address.js';

/** Finds the addresses of a host name. */
export interface HostResolver {
  resolve(hostname: string): Promise<string[]>;
}
/** Injection token; replaced in tests. */
export const HostResolver = Symbol('HostResolver');

/** Asks the operating system, as any other program would be answered. */
export const systemResolver: HostResolver = {
  resolve: async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address),
};

/**
 * Decides where nodes may connect to. Without HTTP_ALLOWED_HOSTS: to any host of the public internet.
 * With it: to what it names and nothing else, which may then be private.
 */
@Injectable()
export class HostPolicy {
  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'HTTP_ALLOWED_HOSTS'>,
    @Inject(HostResolver) private readonly resolver: HostResolver,
  ) {}

  /**
   * Resolves a host, once. Whoever connects must use these addresses and not ask again: a hostile name
   * server may have another answer the second time (DNS rebinding).
   * @param host name or address as in a URL, IPv6 in brackets or not
   * @throws NodeError `host_not_allowed`; what the resolver throws
   */
  async addressesOf(host: string, port: number): Promise<string[]> {
    const name = host
      .replace(/^\[|\]$/g, '')
      .replace(/\.$/, '')
      .toLowerCase();
    const allowed = this.settings.HTTP_ALLOWED_HOSTS;
    const addresses = isIP(name) ? [name] : await this.resolver.resolve(name);
    if (allowed.some((entry) => nameMatches(entry, name, port))) return addresses;
    // One bad address among good ones is how rebinding looks, so all must be fine.
    const fine =
      allowed.length > 0
        ? (address: string) => allowed.some((entry) => addressMatches(entry, address))
        : isPublicAddress;
    if (addresses.length > 0 && addresses.every(fine)) return addresses;
    throw new NodeError(
      'host_not_allowed',
      allowed.length > 0
        ? `${host} may not be reached: HTTP_ALLOWED_HOSTS does not name it.`
        : `${host} may not be reached: it is not on the public internet. Name it in HTTP_ALLOWED_HOSTS if it should be.`,
    );
  }
}

/** `api.example.com`, `*.example.com` (not example.com itself), either with `:port`; an address with a port. */
function nameMatches(entry: string, name: string, port: number): boolean {
  const [, pattern = '', entryPort] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  if (pattern.startsWith('*.')) return name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1;
  const plain = pattern.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (plain === '') return false;
  return isIP(plain) && isIP(name) ? addressMatches(plain, name) : plain === name;
}
