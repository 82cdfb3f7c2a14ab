import type { ProblemCode } from '@cloutagent/contract';

/** What any route that takes a body may answer. */
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

/** What the server may answer to any request, also to one that is for no route. */
export const OF_THE_SERVER: readonly ProblemCode[] = [
  'malformed_request',
  'malformed_url',
  'route_not_found',
  'dashboard_not_built',
  'request_timeout',
  'expectation_failed',
  'headers_too_large',
  'internal_error',
  'database_unavailable',
];

/** What any route that asks for a credential may answer. */
export const ALWAYS: readonly ProblemCode[] = [
  'credentials_missing',
  'invalid_credentials',
  'insufficient_scope',
  'rate_limited',
  'too_many_failed_attempts',
  'identity_provider_unavailable',
];
