import type { ProblemCode } from '@cloutagent/contract';

/** Codes of problems with the body, which any route that accepts a body may answer with. */
export const OF_BODIES: readonly ProblemCode[] = [
  'malformed_json',
  'malformed_body',
  'request_aborted',
  'request_size_invalid',
  'body_too_large',
  'unsupported_media_type',
  'unsupported_charset',
  'unsupported_encoding',
];

/** Codes that the server may answer any request with, also a request that matches no route. */
export const OF_THE_SERVER: readonly ProblemCode[] = [
  'malformed_request',
  'malformed_url',
  'route_not_found',
  'dashboard_not_built',
  'request_timeout',
  'expectation_failed',
  'headers_too_large',
  'internal_error',
  'not_ready',
  'database_unavailable',
];

/** Codes that any route with a required credential may answer with. */
export const ALWAYS: readonly ProblemCode[] = [
  'credentials_missing',
  'invalid_credentials',
  'insufficient_scope',
  'rate_limited',
  'too_many_failed_attempts',
  'identity_provider_unavailable',
];
