/** Every `code` that the server may answer with, its status and a sentence such as comes with it. */
export const PROBLEM_CODES = {
  validation_failed: [400, 'The request is not valid; `errors` lists every path to correct.'],
  expression_too_complex: [
    400,
    'An expression is too complex; `errors` has its path. Simplify it, or split it over several nodes.',
  ],
  malformed_json: [400, 'The body is not JSON.'],
  malformed_body: [400, 'The body is not what its Content-Encoding says.'],
  request_aborted: [400, 'The request ended before its body was complete.'],
  request_size_invalid: [400, 'Content-Length does not fit the body.'],
  malformed_url: [400, 'The URL is not properly encoded.'],
  malformed_request: [400, 'This is no HTTP/1.1 request.'],
  invalid_last_event_id: [
    400,
    'Last-Event-ID 900 is past the end: the execution has 312 events. Start again without it.',
  ],
  expiry_in_the_past: [400, 'expiresAt is in the past.'],
  credentials_missing: [
    401,
    'Send an API key or JWT as Authorization: Bearer …, or an API key as X-API-Key.',
  ],
  invalid_credentials: [401, 'The credential is not valid, or no longer. Get a new one and try again.'],
  invalid_ticket: [
    401,
    'The ticket is expired, was used from another address or is for another stream. Get a new one from …/stream-tickets.',
  ],
  insufficient_scope: [403, 'This needs the scope executions:read, which your credential does not have.'],
  not_your_project: [403, 'You cannot give a key for project acme: it is not yours.'],
  not_found: [404, 'There is no such execution.'],
  route_not_found: [404, 'There is no such route; /docs lists them all.'],
  dashboard_not_built: [
    404,
    'The dashboard has not been built: run `npm run build`, or set WEB_DIR to where it is. The API works without it.',
  ],
  request_timeout: [
    408,
    'The request did not arrive in time (REQUEST_HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS).',
  ],
  execution_over: [409, 'The execution is completed: nothing about it changes any more.'],
  execution_cancelling: [409, 'The execution is being cancelled.'],
  no_approval_waiting: [409, 'No approval is waited for.'],
  already_decided: [409, 'Node sign-off was already decided by key:0199c0de-0000-7000-8000-000000000002.'],
  body_too_large: [413, 'The body is larger than this server takes (BODY_MAX_BYTES).'],
  unsupported_media_type: [415, 'Send the body as Content-Type: application/json.'],
  unsupported_charset: [415, 'Send JSON in UTF-8 (RFC 8259, section 8.1).'],
  unsupported_encoding: [415, 'Send the body as it is, or with Content-Encoding gzip, deflate, br or zstd.'],
  expectation_failed: [417, 'The only Expect this server knows is 100-continue.'],
  idempotency_key_reused: [
    422,
    'This Idempotency-Key came with another body before. Use a new key for a new request.',
  ],
  rate_limited: [429, 'The limit is 10000 requests per 60 s. Try again in 12 s.'],
  too_many_failed_attempts: [429, 'Too many wrong credentials came from your address. Try again in 12 s.'],
  too_many_streams: [429, 'There are 5000 streams open for you, which is the limit. Close one first.'],
  headers_too_large: [431, 'The request line and header fields are too long.'],
  internal_error: [500, 'Something went wrong on this side. The log has it under this requestId.'],
  identity_provider_unavailable: [503, 'The keys to check this token with cannot be had. Try again soon.'],
  no_worker_free: [503, 'No process is free to check the expressions. Try again soon.'],
  database_unavailable: [503, 'The database does not answer.'],
} as const satisfies Record<string, readonly [status: number, detail: string]>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

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
