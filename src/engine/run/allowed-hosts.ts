import { domainToASCII } from 'node:url';

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  'http:': '80',
  'https:': '443',
  'ws:': '80',
  'wss:': '443',
};

/**
 * Whether a secret may be sent to a URL.
 * @param allowedHosts `api.example.com`, `*.example.com` (not example.com itself), an IPv4 address or an IPv6 address in
 *   brackets. Each may end with a port; without one, every port is allowed.
 */
export function allowsHost(allowedHosts: readonly string[], url: URL): boolean {
  const host = normalized(url.hostname);
  if (host === '') return false;
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : url.port;
  return allowedHosts.some((entry) => {
    const [, name = '', entryPort] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
    if (name === '' || (entryPort !== undefined && entryPort !== port)) return false;
    if (!name.startsWith('*.')) return hostOf(name) === host;
    const parent = hostOf(name.slice(2));
    return parent !== '' && host.length > parent.length + 1 && host.endsWith(`.${parent}`);
  });
}

/** A host as `URL` writes it: in lower case, in Punycode, an IPv4 address in four numbers. */
const hostOf = (name: string): string => normalized(URL.parse(`http://${name}`)?.hostname ?? '');

/** A name with a dot at its end is the same name. Schemes other than those of the web keep names as they are written. */
function normalized(hostname: string): string {
  const name = hostname.replace(/\.$/, '');
  return name.startsWith('[') ? name.toLowerCase() : domainToASCII(name);
}
