/** Every `code` that the server may answer with, its status, and an example of its detail. */
export const PROBLEM_CODES = {
  validation_failed: [400, 'The request is invalid. `errors` lists every path to correct.'],
  expression_too_complex: [
    400,
    'An expression is too complex. `errors` has its path. Simplify it, or split it over several nodes.',
  ],
  malformed_json: [400, 'The body is not valid JSON.'],
  malformed_body: [400, 'The body does not match its Content-Encoding.'],
  request_aborted: [400, 'The request ended before its body was complete.'],
  request_size_invalid: [400, 'The body does not have the size that Content-Length says.'],
  malformed_url: [400, 'The URL is not properly encoded.'],
  malformed_request: [400, 'This is not a valid HTTP/1.1 request.'],
  invalid_last_event_id: [
    400,
    'Last-Event-ID 900 is past the end: the execution has 312 events. Start again without it.',
  ],
  expiry_in_the_past: [400, 'expiresAt is in the past.'],
  credentials_missing: [
    401,
    'Send an API key or JWT as Authorization: Bearer …, or an API key as X-API-Key.',
  ],
  invalid_credentials: [401, 'The credential is invalid, expired or revoked. Get a new one and try again.'],
  invalid_ticket: [
    401,
    'The ticket is invalid or expired, was used from another address, or is for another stream. Get a new one from …/stream-tickets.',
  ],
  insufficient_scope: [403, 'This requires the scope executions:read, which your credential does not have.'],
  not_your_project: [403, 'You cannot make a key for project acme, because you have no access to it.'],
  not_found: [404, 'There is no such execution.'],
  route_not_found: [404, 'There is no such route. /docs lists all routes.'],
  dashboard_not_built: [
    404,
    'The dashboard has not been built. Run `npm run build`, or set WEB_DIR to its folder. The API works without it.',
  ],
  request_timeout: [
    408,
    'The request did not arrive in time (REQUEST_HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS).',
  ],
  execution_over: [409, 'The execution has completed and can no longer be changed.'],
  execution_cancelling: [409, 'The execution is being cancelled.'],
  no_approval_waiting: [409, 'No approval node is waiting.'],
  already_decided: [409, 'Node sign-off was already decided by key:0199c0de-0000-7000-8000-000000000002.'],
  body_too_large: [413, 'The body is larger than this server accepts (BODY_MAX_BYTES).'],
  unsupported_media_type: [415, 'Send the body as Content-Type: application/json.'],
  unsupported_charset: [415, 'Send JSON in UTF-8 (RFC 8259, section 8.1).'],
  unsupported_encoding: [
    415,
    'Send the body without Content-Encoding, or with Content-Encoding gzip, deflate, br or zstd.',
  ],
  expectation_failed: [417, 'The only Expect header that this server supports is 100-continue.'],
  idempotency_key_reused: [
    422,
    'This Idempotency-Key was already used with another body. Use a new key for a new request.',
  ],
  rate_limited: [429, 'The limit is 10000 requests per 60 s. Try again in 12 s.'],
  too_many_failed_attempts: [429, 'Your address has sent too many wrong credentials. Try again in 12 s.'],
  too_many_streams: [429, '5000 streams are open for you, which is the limit. Close one first.'],
  headers_too_large: [431, 'The request line and header fields are too long.'],
  internal_error: [500, 'Internal server error. The log has the cause under this requestId.'],
  identity_provider_unavailable: [503, "The identity provider's key set is unavailable. Try again soon."],
  no_worker_free: [503, 'No process is free to check the expressions. Try again soon.'],
  database_unavailable: [503, 'The database does not answer. Try again soon.'],
} as const satisfies Record<string, readonly [status: number, detail: string]>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

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
