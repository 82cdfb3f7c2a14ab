import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import type { Settings } from './config/settings.js';

/**
 * Sets the default headers of every response: Helmet's headers, and `Cache-Control`. A controller may replace each of them.
 *
 * `Cache-Control: no-store` is the default so that a new route cannot forget it. Shared caches recognise `Authorization`,
 * but not `X-API-Key`, and would send one caller's response to another (RFC 9111, section 3.5).
 */
export function responseHeaders(settings: Settings): RequestHandler {
  const setDefaults = headerSetter('no-store', {});
  // Swagger UI's page contains a <style> element, and its style sheet contains images as data: URLs. The page is the same
  // for every caller, so it may be cached.
  const setForDocumentation = headerSetter('no-cache', {
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
  });
  const hsts = strictTransportSecurity(settings);
  return (request: Request, response, next) => {
    (/^\/docs(\/|$)/i.test(request.path) ? setForDocumentation : setDefaults)(response);
    // HSTS must not be sent over plain HTTP (RFC 6797, section 7.2). The server itself does not use TLS, so `secure` is
    // true only if a trusted proxy reports it.
    if (hsts !== undefined && request.secure) response.setHeader('Strict-Transport-Security', hsts);
    next();
  };
}

/** Returns the header's value. Undefined by default, because the header binds the host, or all its subdomains, for long. */
function strictTransportSecurity({
  HSTS_MAX_AGE_SECONDS: maxAge,
  HSTS_INCLUDE_SUBDOMAINS: subdomains,
}: Settings): string | undefined {
  return maxAge === 0 ? undefined : `max-age=${maxAge}${subdomains ? '; includeSubDomains' : ''}`;
}

/** Runs Helmet's twelve middlewares once and records their headers, which are the same for all responses. */
function headerSetter(cacheControl: string, relaxed: Record<string, string[]>): (response: Response) => void {
  const values: [name: string, value: string][] = [['Cache-Control', cacheControl]];
  const recorder = {
    setHeader: (name: string, value: string) => values.push([name, value]),
    removeHeader: () => undefined,
  };
  helmet({
    strictTransportSecurity: false,
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    contentSecurityPolicy: {
      // Helmet's defaults allow fonts and styles from any https: URL, and have upgrade-insecure-requests, which would break
      // the pages of a server without TLS. Whether to use TLS is the proxy's decision.
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        objectSrc: ["'none'"],
        ...relaxed,
      },
    },
  })({} as Request, recorder as unknown as Response, (error?: unknown) => {
    if (error instanceof Error) throw error;
  });
  return (response) => {
    for (const [name, value] of values) response.setHeader(name, value);
  };
}
