import type { CorsOptions } from '@nestjs/common/interfaces/external/cors-options.interface.js';
import type { Settings } from './config/settings.js';

/** What the API itself reads, what caches are told, and what tracing and older request libraries add to every request. */
const ALLOWED_HEADERS = [
  'Authorization',
  'X-API-Key',
  'Content-Type',
  'Idempotency-Key',
  'Last-Event-ID',
  'X-Request-Id',
  'Cache-Control',
  'Pragma',
  'traceparent',
  'tracestate',
  'baggage',
  'sentry-trace',
  'X-Requested-With',
];

/** What answers carry beside the headers that a page may always read. */
const EXPOSED_HEADERS = [
  'Location',
  'Retry-After',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'X-Request-Id',
  'Idempotency-Replayed',
  'WWW-Authenticate',
];

/** Lets pages of CORS_ORIGINS call. There are no cookies: a page has to know a credential, whatever headers it may send. */
export function corsOptions({ CORS_ORIGINS: origins, CORS_ALLOWED_HEADERS: more }: Settings): CorsOptions {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    credentials: false,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    // A star among them does not cover Authorization (Fetch Standard, CORS-preflight fetch), which is named.
    allowedHeaders: [...ALLOWED_HEADERS, ...more],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600,
  };
}
