import type { Settings } from '../../config/settings.js';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/**
 * Whether a request may come from the page that it names as its origin. Browsers name it in every POST, and programs name
 * none. MCP requires this check against DNS rebinding: the name in `Host` is then the attacker's, so it does not count unless
 * it is a loopback name, which no page of another host can have.
 * @param host the header `Host`
 */
export function isAllowedOrigin(
  origin: string | undefined,
  host: string | undefined,
  { CORS_ORIGINS: allowed, PUBLIC_URL: publicUrl }: Pick<Settings, 'CORS_ORIGINS' | 'PUBLIC_URL'>,
): boolean {
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true;
  if (publicUrl !== undefined && URL.parse(publicUrl)?.origin === origin) return true;
  return isLoopback(URL.parse(origin)?.hostname) && isLoopback(URL.parse(`http://${host ?? ''}`)?.hostname);
}

const isLoopback = (hostname: string | undefined): boolean => LOOPBACK.test(hostname ?? '');
