import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';

/**
 * Sets the headers that every response begins with: Helmet's, and `Cache-Control`. A controller may replace each.
 *
 * `no-store` is the default, so that a new route cannot forget it: caches know `Authorization`, but not `X-API-Key`, and
 * would give one caller's answer to another (RFC 9111, section 3.5).
 */
export function responseHeaders(): RequestHandler {
  const everywhere = headers('no-store', {});
  // Swagger UI's page has a <style> of its own and its style sheet images as data: URLs. It is the same for every caller.
  const documentation = headers('no-cache', {
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
  });
  return (request: Request, response, next) => {
    (/^\/docs(\/|$)/i.test(request.path) ? documentation : everywhere)(response);
    next();
  };
}

/** Helmet's headers are the same for all responses, so its twelve middlewares run once and not for each. */
function headers(cacheControl: string, relaxed: Record<string, string[]>): (response: Response) => void {
  const values: [name: string, value: string][] = [['Cache-Control', cacheControl]];
  const recorder = {
    setHeader: (name: string, value: string) => values.push([name, value]),
    removeHeader: () => undefined,
  };
  helmet({
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
