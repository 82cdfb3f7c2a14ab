import type { ProblemCode } from '@cloutagent/contract';
import type { RouteAccess } from './route-access.js';

/** Codes of problems with a body. */
const OF_BODIES: readonly ProblemCode[] = [
  'validation_failed',
  'malformed_json',
  'malformed_body',
  'request_aborted',
  'request_size_invalid',
  'body_too_large',
  'unsupported_media_type',
  'unsupported_charset',
  'unsupported_encoding',
];

/** Codes of requests that reach no operation. */
export const OF_NO_OPERATION: readonly ProblemCode[] = [
  'malformed_request',
  'malformed_url',
  'route_not_found',
  'method_not_allowed',
  'request_refused',
  'precondition_failed',
  'range_not_satisfiable',
  'dashboard_not_built',
  'request_timeout',
  'expectation_failed',
  'headers_too_large',
  'not_ready',
];

/** Codes that any route with a required credential may answer with. */
const OF_CREDENTIALS: readonly ProblemCode[] = [
  'credentials_missing',
  'invalid_credentials',
  'cross_site_request',
  'too_many_failed_attempts',
  'identity_provider_unavailable',
  'database_unavailable',
];

/** Returns the codes that follow from the access to a route and from what its requests have. */
export function usualCodes(
  access: RouteAccess,
  has: { params: boolean; query: boolean; body: boolean },
): ProblemCode[] {
  return [
    ...(has.params ? (['malformed_url'] as const) : []),
    ...(has.query ? (['validation_failed'] as const) : []),
    ...(has.body ? OF_BODIES : []),
    ...(access.isPublic ? [] : OF_CREDENTIALS),
    ...(access.acceptsTicket ? (['invalid_ticket'] as const) : []),
    ...(access.scope === undefined ? [] : (['insufficient_scope'] as const)),
    ...(access.isThrottled ? (['rate_limited'] as const) : []),
    // Any other method on the path. The document has no other place for it.
    'method_not_allowed',
    'internal_error',
  ];
}
