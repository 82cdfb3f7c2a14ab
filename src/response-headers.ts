import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import type { Settings } from './config/settings.js';

/**
 * Sets the headers that every response begins with: Helmet's, and `Cache-Control`. A controller may replace each.
 *
 * `no-store` is the default, so that a new route cannot forget it: caches know `Authorization`, but not `X-API-Key`, and
 * would give one caller's answer to another (RFC 9111, section 3.5).
 */
export function responseHeaders(settings: Settings): RequestHandler {
  const everywhere = headers('no-store', {});
  // Swagger UI's page has a <style> of its own and its style sheet images as data: URLs. It is the same for every caller.
  const documentation = headers('no-cache', {
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
  });
  const hsts = strictTransportSecurity(settings);
  return (request: Request, response, next) => {
    (/^\/docs(\/|$)/i.test(request.path) ? documentation : everywhere)(response);
    // Never over plain HTTP (RFC 6797, section 7.2). The server itself speaks no TLS: a trusted proxy says so.
    if (hsts !== undefined && request.secure) response.setHeader('Strict-Transport-Security', hsts);
    next();
  };
}

/** The header's value; undefined when it was not chosen, since it binds the host, or all its subdomains, for as long. */
function strictTransportSecurity({
  HSTS_MAX_AGE_SECONDS: maxAge,
  HSTS_INCLUDE_SUBDOMAINS: subdomains,
}: Settings): string | undefined {
  return maxAge === 0 ? undefined : `max-age=${maxAge}${subdomains ? '; includeSubDomains' : ''}`;
}

/** Helmet's headers are the same for all responses, so its twelve middlewares run once and not for each. */
function headers(cacheControl: string, relaxed: Record<string, string[]>): (response: Response) => void {
  const values: [name: string, value: string][] = [['Cache-Control', cacheControl]];
  const recorder = {
    setHeader: (name: string, value: string) => values.push([name, value]),
    removeHeader: () => undefined,
  };
  helmet({
    strictTransportSecurity: false,
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    contentSecurityPolicy: {
      // The defaults allow any https: font and style, and upgrade-insecure-requests, which would break the
      // pages of a server without TLS: whether there is any is the proxy's matter.
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
