/** Every `code` that a route may answer with, its status and a sentence such as comes with it. */
export const PROBLEM_CODES = {
  validation_failed: [400, 'The request is not valid; `errors` lists every path to correct.'],
  expression_too_complex: [
    400,
    'An expression is too complex; `errors` has its path. Simplify it, or split it over several nodes.',
  ],
  malformed_json: [400, 'The body is not JSON.'],
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
  execution_over: [409, 'The execution is completed: nothing about it changes any more.'],
  execution_cancelling: [409, 'The execution is being cancelled.'],
  no_approval_waiting: [409, 'No approval is waited for.'],
  already_decided: [409, 'Node sign-off was already decided by key:0199c0de-0000-7000-8000-000000000002.'],
  body_too_large: [413, 'The body is larger than this server takes (BODY_LIMIT_BYTES).'],
  unsupported_media_type: [415, 'Send the body as Content-Type: application/json.'],
  idempotency_key_reused: [
    422,
    'This Idempotency-Key came with another body before. Use a new key for a new request.',
  ],
  rate_limited: [429, 'The limit is 10000 requests per 60 s. Try again in 12 s.'],
  too_many_failed_attempts: [429, 'Too many wrong credentials came from your address. Try again in 12 s.'],
  too_many_streams: [429, 'There are 5000 streams open for you, which is the limit. Close one first.'],
  identity_provider_unavailable: [503, 'The keys to check this token with cannot be had. Try again soon.'],
  no_worker_free: [503, 'No process is free to check the expressions. Try again soon.'],
  database_unavailable: [503, 'The database does not answer.'],
} as const satisfies Record<string, readonly [status: number, detail: string]>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

/** What any route that asks for a credential may answer. */
export const ALWAYS: readonly ProblemCode[] = [
  'credentials_missing',
  'invalid_credentials',
  'insufficient_scope',
  'rate_limited',
  'too_many_failed_attempts',
  'identity_provider_unavailable',
];
