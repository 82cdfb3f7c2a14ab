/**
 * Codes of problems, which are the error responses of the API. `text` says what happened and what to do. The `detail` of a
 * response may be more specific, for example name the limit.
 */
export const PROBLEM_CODES = {
  validation_failed: { status: 400, text: 'The request is not valid; `errors` lists every path to correct.' },
  expression_too_complex: {
    status: 400,
    text: 'An expression or a JSON Schema is too complex; `errors` has its path. Simplify it, or split it over several nodes.',
  },
  malformed_json: { status: 400, text: 'The body is not valid JSON.' },
  malformed_body: { status: 400, text: 'The body does not match its Content-Encoding.' },
  request_aborted: { status: 400, text: 'The request ended before its body was complete.' },
  request_size_invalid: { status: 400, text: 'Content-Length does not match the size of the body.' },
  malformed_url: { status: 400, text: 'The URL is not properly encoded.' },
  malformed_request: { status: 400, text: 'This is not a valid HTTP/1.1 request.' },
  invalid_last_event_id: {
    status: 400,
    text: 'Last-Event-ID is not the id of an event of this stream. Leave it out to start at the beginning.',
  },
  not_available: {
    status: 400,
    text: 'The workflow uses a part of the language that this server does not have yet; `errors` has its path. Remove it.',
  },
  price_unknown: {
    status: 400,
    text: 'maxCostUSD needs the price of every model, and one has none; `errors` has its path. Add the price to MODEL_PRICES, or leave maxCostUSD out.',
  },
  invalid_answer: {
    status: 400,
    text: 'The answer does not fit the wait; `errors` lists every path to correct.',
  },
  input_invalid: {
    status: 400,
    text: 'The input does not fit the inputSchema of the saved workflow; `errors` lists every path to correct.',
  },
  unsupported_operation: {
    status: 400,
    text: 'The protocol has this operation, and this server or this resource does not support it.',
  },
  unsupported_protocol_version: {
    status: 400,
    text: 'This server does not speak the version of the protocol that the request names.',
  },
  schedule_invalid: {
    status: 400,
    text: 'The schedule cannot be used; `errors` says which part and why.',
  },
  secret_unknown: {
    status: 400,
    text: 'The workflow uses a secret or a variable that the project does not have; `errors` has its path. Make it first, or end the placeholder with ?.',
  },
  replay_too_large: {
    status: 400,
    text: 'The range has more executions than one replay may have (MAX_EXECUTIONS_PER_REPLAY). Choose a shorter range.',
  },
  expiry_in_the_past: { status: 400, text: 'expiresAt is in the past. Choose a later time.' },
  credentials_missing: {
    status: 401,
    text: 'Send an API key or JWT as Authorization: Bearer …, or an API key as X-API-Key.',
  },
  invalid_credentials: {
    status: 401,
    text: 'The credential is unknown, expired or revoked. Get a new one and try again.',
  },
  invalid_signature: {
    status: 401,
    text: 'The signature of the request is wrong, or too old. Check the secret that the sender has.',
  },
  invalid_ticket: {
    status: 401,
    text: 'The ticket has expired, was used from another address or belongs to another stream. Get a new one from …/stream-tickets.',
  },
  insufficient_scope: {
    status: 403,
    text: 'Your credential does not have the scope that this request needs.',
  },
  cross_site_request: {
    status: 403,
    text: 'A page of another site sent this request, and the browser alone identified you. Send an API key or a JWT, or add the origin of the page to CORS_ORIGINS.',
  },
  not_your_project: {
    status: 403,
    text: 'You cannot create a key for a project that you have no access to.',
  },
  workflow_not_allowed: {
    status: 403,
    text: 'Your key may only start the saved workflows that it names, as they are. It cannot post a graph, change one, or raise limits.',
  },
  secret_not_allowed: {
    status: 403,
    text: 'The workflow uses secrets, and your credential does not have the scope secrets:use.',
  },
  not_assigned: {
    status: 403,
    text: 'The wait names the principals that may answer it, and yours is not one of them.',
  },
  not_found: {
    status: 404,
    text: 'The resource does not exist, or belongs to a project that you have no access to.',
  },
  route_not_found: { status: 404, text: 'This route does not exist; /docs lists all routes.' },
  method_not_allowed: {
    status: 405,
    text: 'This route does not accept the method of the request. Use one of the methods in Allow.',
  },
  dashboard_not_built: {
    status: 404,
    text: 'The dashboard has not been built. Run `npm run build`, or set WEB_DIR to its folder. The API works without it.',
  },
  request_refused: {
    status: 400,
    text: 'A route that an extension adds refused the request; `detail` says why. The status may be any other from 400 to 499.',
  },
  request_timeout: {
    status: 408,
    text: 'The request did not arrive in time (REQUEST_HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS).',
  },
  execution_over: { status: 409, text: 'The execution has ended and can no longer be changed.' },
  execution_cancelling: {
    status: 409,
    text: 'The execution is being cancelled and accepts no other action.',
  },
  execution_not_ended: {
    status: 409,
    text: 'The execution has not ended. Wait for its end, or cancel it first.',
  },
  execution_deleted: {
    status: 409,
    text: 'This Idempotency-Key started an execution that has been deleted. Use a new key to start another one.',
  },
  too_many_workflows: {
    status: 409,
    text: 'The project has as many saved workflows as it may have (MAX_WORKFLOWS_PER_PROJECT). Delete one first.',
  },
  too_many_versions: {
    status: 409,
    text: 'The workflow has as many versions as it may have (MAX_VERSIONS_PER_WORKFLOW). Delete old ones first.',
  },
  execution_has_parent: {
    status: 409,
    text: 'A child execution is deleted with the root of its tree, and never alone. Delete its root.',
  },
  too_many_aliases: {
    status: 409,
    text: 'The workflow has as many aliases as it may have (MAX_ALIASES_PER_WORKFLOW). Delete one first.',
  },
  alias_in_use: {
    status: 409,
    text: 'An alias points to this version. Move or delete the alias first.',
  },
  too_many_values: {
    status: 409,
    text: 'The project has as many secrets or variables as it may (MAX_SECRETS_PER_PROJECT, MAX_VARIABLES_PER_PROJECT). Delete one first.',
  },
  webhook_disabled: {
    status: 409,
    text: 'The webhook is disabled. Enable it first.',
  },
  trigger_disabled: {
    status: 409,
    text: 'The trigger is disabled. Enable it to accept requests again.',
  },
  parent_paused: {
    status: 409,
    text: 'An execution above this one is paused. Resume that execution.',
  },
  wait_already_answered: { status: 409, text: 'The wait was already answered.' },
  wait_expired: { status: 409, text: 'The wait has expired or has ended, so it takes no answer.' },
  no_approval_waiting: { status: 409, text: 'No approval node is waiting.' },
  already_decided: { status: 409, text: 'Another decision on this approval node was already recorded.' },
  callback_used: {
    status: 410,
    text: 'The callback address was already used, or its execution has ended. An address works once.',
  },
  precondition_failed: {
    status: 412,
    text: 'A precondition of the request, such as If-Unmodified-Since, is not met. Get the resource again.',
  },
  secret_not_repeatable: {
    status: 409,
    text: 'This Idempotency-Key has already made a key, and its secret can be shown again only to the credential that made it. Send that credential, or revoke the key and make another one with a new Idempotency-Key.',
  },
  listener_active: {
    status: 409,
    text: 'A running process has this listener in its code. Remove it from the code and restart the processes first.',
  },
  body_too_large: {
    status: 413,
    text: 'The body is larger than this server accepts (BODY_MAX_BYTES, BATCH_MAX_BYTES for batches, SIGNAL_MAX_BYTES for signals, and TRIGGER_MAX_BYTES for triggers).',
  },
  unsupported_media_type: { status: 415, text: 'Send the body as Content-Type: application/json.' },
  unsupported_charset: { status: 415, text: 'Send JSON in UTF-8 (RFC 8259, section 8.1).' },
  unsupported_encoding: {
    status: 415,
    text: 'Send the body uncompressed, or with Content-Encoding gzip, deflate, br or zstd.',
  },
  range_not_satisfiable: {
    status: 416,
    text: 'The resource is shorter than the requested range. Content-Range has its length.',
  },
  expectation_failed: {
    status: 417,
    text: 'The only value of Expect that this server supports is 100-continue.',
  },
  response_not_ended: {
    status: 422,
    text: 'The response has not ended within OPENAI_WAIT_TIMEOUT_MS, and continues. Get it later by its id, or start it with background or stream.',
  },
  execution_not_completed: {
    status: 422,
    text: 'The execution has failed or was cancelled, so there is no answer. `error.message` has the code of its failure.',
  },
  idempotency_key_reused: {
    status: 422,
    text: 'This Idempotency-Key was already used with another body. Use a new key for a new request.',
  },
  trigger_failed: {
    status: 422,
    text: 'The request is genuine, but the trigger could not start an execution. `lastError` of the trigger says why.',
  },
  rate_limited: {
    status: 429,
    text: 'You have sent more requests than the limit allows. Try again after the time in Retry-After.',
  },
  too_many_failed_attempts: {
    status: 429,
    text: 'Too many wrong credentials came from your address. Try again after the time in Retry-After.',
  },
  too_many_streams: { status: 429, text: 'You have reached the limit of open streams. Close one first.' },
  too_many_webhooks: {
    status: 429,
    text: 'The project has as many webhooks as it may (MAX_WEBHOOKS_PER_PROJECT). Delete one first.',
  },
  too_many_signing_secrets: {
    status: 429,
    text: 'The webhook has as many valid signing secrets as it may (MAX_SECRETS_PER_WEBHOOK). Wait until an old one has expired, or send keepOldForMs: 0.',
  },
  too_many_signals: {
    status: 429,
    text: 'The execution keeps as many signals as it may (MAX_SIGNALS_PER_EXECUTION). Send more when it has taken some.',
  },
  too_many_schedules: {
    status: 429,
    text: 'The project has as many schedules as it may (MAX_SCHEDULES_PER_PROJECT). Delete one first.',
  },
  too_many_triggers: {
    status: 429,
    text: 'The project has as many triggers as it may (MAX_TRIGGERS_PER_PROJECT). Delete one first.',
  },
  headers_too_large: { status: 431, text: 'The request line and header fields are too long.' },
  internal_error: { status: 500, text: 'Internal server error. The server log has it under this requestId.' },
  identity_provider_unavailable: {
    status: 503,
    text: 'The identity provider is unavailable. Try again soon.',
  },
  stats_timeout: {
    status: 503,
    text: 'The figures took longer to compute than STATS_TIMEOUT_MS. Choose a shorter range.',
  },
  list_timeout: {
    status: 503,
    text: 'The list took longer to find than LIST_TIMEOUT_MS. Narrow the filter with createdAfter, or leave a condition out.',
  },
  no_worker_free: {
    status: 503,
    text: 'No process is free to check expressions and schemas. Try again soon.',
  },
  secrets_unavailable: {
    status: 503,
    text: 'This server has no key for secrets. Set SECRETS_KEY and restart it.',
  },
  not_ready: { status: 503, text: 'The server is starting or stopping. Try again soon.' },
  database_unavailable: { status: 503, text: 'The database is unavailable. Try again soon.' },
  http_version_too_old: {
    status: 505,
    text: 'The server received this request over HTTP/1.0, in which a stream that breaks off looks complete. Use HTTP/1.1. Behind nginx, set `proxy_http_version 1.1;`.',
  },
} as const satisfies Record<string, { status: number; text: string }>;

/** A problem code of this server. */
export type ProblemCode = keyof typeof PROBLEM_CODES;
