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
/** Injection token of the resolver; tests replace it. */
export const HostResolver = Symbol('HostResolver');

/** Resolves names with the operating system's resolver, as other programs do. */
export const systemResolver: HostResolver = {
  resolve: async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address),
};

/**
 * Decides which hosts nodes may connect to. If HTTP_ALLOWED_HOSTS is empty, they may connect to any host on the public
 * internet. Otherwise they may connect only to the hosts that it names; these may be private.
 */
@Injectable()
export class HostPolicy {
  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'HTTP_ALLOWED_HOSTS'>,
    @Inject(HostResolver) private readonly resolver: HostResolver,
  ) {}

  /** Whether HTTP_ALLOWED_HOSTS lists the host itself, so that it may have any address. */
  allowsByName(host: string, port: number): boolean {
    return this.settings.HTTP_ALLOWED_HOSTS.some((entry) => nameMatches(entry, normalized(host), port));
  }

  /**
   * Resolves a host once and checks its addresses. The caller must connect to the returned addresses and not resolve the
   * name again: a hostile name server may give another answer the second time (DNS rebinding).
   * @param host name or address as in a URL; an IPv6 address may have brackets
   * @throws NodeError `host_not_allowed`; any error of the resolver
   */
  async addressesOf(host: string, port: number): Promise<string[]> {
    const name = normalized(host);
    const allowed = this.settings.HTTP_ALLOWED_HOSTS;
    const addresses = isIP(name) ? [name] : await this.resolver.resolve(name);
    if (this.allowsByName(host, port)) return addresses;
    // DNS rebinding can mix one private address into public ones, so every address must be allowed.
    const isAllowed =
      allowed.length > 0
        ? (address: string) => allowed.some((entry) => addressMatches(entry, address))
        : isPublicAddress;
    if (addresses.length > 0 && addresses.every(isAllowed)) return addresses;
    throw new NodeError(
      'host_not_allowed',
      allowed.length > 0
        ? `${host} is not allowed: HTTP_ALLOWED_HOSTS does not name it. Ask the operator of this server to add it.`
        : `${host} is not allowed: it is not on the public internet. The operator of this server can allow it in HTTP_ALLOWED_HOSTS.`,
    );
  }
}

const normalized = (host: string): string =>
  host
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();

/** Matches `api.example.com`, `*.example.com` (not example.com itself) or an address; each may end with `:port`. */
function nameMatches(entry: string, name: string, port: number): boolean {
  const [, pattern = '', entryPort] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  if (pattern.startsWith('*.')) return name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1;
  const plain = pattern.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (plain === '') return false;
  return isIP(plain) && isIP(name) ? addressMatches(plain, name) : plain === name;
}
