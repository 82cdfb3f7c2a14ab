import type { CorsOptions } from '@nestjs/common/interfaces/external/cors-options.interface.js';
import type { Settings } from './config/settings.js';

/** Request headers that the API reads, that control caches, or that tracing and older request libraries always add. */
const ALLOWED_HEADERS = [
  'Authorization',
  'X-API-Key',
  'Content-Type',
  'A2A-Version',
  'A2A-Extensions',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'Last-Event-ID',
  'Mcp-Protocol-Version',
  'Mcp-Session-Id',
  'Mcp-Method',
  'Mcp-Name',
  'Prefer',
  'X-Request-Id',
  'Cache-Control',
  'Pragma',
  'traceparent',
  'tracestate',
  'baggage',
  'sentry-trace',
  'X-Requested-With',
];

/** Response headers that a page may read in addition to those that CORS always exposes. */
const EXPOSED_HEADERS = [
  'Location',
  'Retry-After',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'X-Request-Id',
  'Idempotency-Replayed',
  'ETag',
  'Preference-Applied',
  'Mcp-Session-Id',
  'WWW-Authenticate',
  'Allow',
  'Deprecation',
  'Sunset',
  'Link',
];

/**
 * Allows pages of CORS_ORIGINS to call the API. It is safe to allow them any header, because the API uses no cookies: a page
 * can only act with a credential that it knows.
 */
export function corsOptions({
  CORS_ORIGINS: origins,
  CORS_ALLOWED_HEADERS: furtherHeaders,
}: Settings): CorsOptions {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    credentials: false,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    // A star in CORS_ALLOWED_HEADERS does not cover Authorization (Fetch Standard, CORS-preflight fetch), so it is listed.
    allowedHeaders: [...ALLOWED_HEADERS, ...furtherHeaders],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600,
  };
}
