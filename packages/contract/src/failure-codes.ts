/**
 * Codes of failures of nodes and executions. A code is in `execution:failed` and in `Execution.error`. `text` says what
 * happened and what to do. If `retried` is true, the server retries the step automatically, and the execution fails with
 * the code only after the last retry. Modules may have other codes.
 */
export const FAILURE_CODES = {
  approval_expired: {
    text: 'No person answered the approval in time; raise expiresInMs, or set onExpire.',
    retried: false,
  },
  approval_rejected: {
    text: 'A person rejected the approval; the message contains the comment.',
    retried: false,
  },
  child_failed: {
    text: 'A child execution failed or was cancelled; the message has its id, its code and its error.',
    retried: false,
  },
  condition_failed: {
    text: 'The condition of an edge or a loop threw an error, took too long, or gave something else than true or false; the message names it. Correct `when`, `while` or `until`.',
    retried: false,
  },
  config_too_large: {
    text: "The node's config is too large after its templates were filled in; pass less data to the node, or raise CONFIG_MAX_BYTES.",
    retried: false,
  },
  cost_unknown: {
    text: 'The execution has the limit maxCostUSD, and the price of a model that it wants to call is not known, so the model was not called; add the price to MODEL_PRICES, or leave maxCostUSD out.',
    retried: false,
  },
  cost_limit_exceeded: {
    text: 'The execution cost more than options.limits.maxCostUSD; raise the limit, or use fewer or cheaper model calls.',
    retried: false,
  },
  execution_timeout: {
    text: 'The execution took longer than its time limit; raise options.timeoutMs or EXECUTION_TIMEOUT_MS.',
    retried: false,
  },
  host_not_allowed: {
    text: 'The server may not call this host; add it to HTTP_ALLOWED_HOSTS if the call is intended.',
    retried: false,
  },
  host_not_found: {
    text: 'The host name has no address; check its spelling.',
    retried: false,
  },
  http_connect_failed: {
    text: 'The host could not be reached, so no request was sent; check that its service is running.',
    retried: true,
  },
  http_connection_lost: {
    text: 'The connection broke before the response was complete; check the service. A POST or PATCH is only retried with retryUnsafe, because it may have had its effect.',
    retried: true,
  },
  http_rate_limited: {
    text: 'The service rate-limited the request (429); send fewer requests, or raise its limit.',
    retried: true,
  },
  http_status: {
    text: 'The service answered with an error status; the message contains the status and the beginning of the response.',
    retried: false,
  },
  http_timeout: {
    text: 'The service did not answer in time; raise the time limit of the request, or make the service faster. A POST or PATCH is only retried with retryUnsafe, because it may have had its effect.',
    retried: true,
  },
  http_tls_failed: {
    text: "No secure connection was possible, because the service's certificate is not valid; correct the certificate.",
    retried: false,
  },
  http_unavailable: {
    text: 'The service is temporarily unavailable (408 or 5xx); check the service.',
    retried: true,
  },
  interceptor_failed: {
    text: 'The code of an interceptor threw an error, took too long, or returned something else than it must; the server log has the error. The developer of the interceptor has to correct it.',
    retried: false,
  },
  invalid_config: {
    text: "The node's config is not valid after its templates were filled in; the message names the invalid part.",
    retried: false,
  },
  invalid_event: {
    text: 'The node emitted an event that is not valid; the message names the invalid part. The developer of the node has to correct it.',
    retried: false,
  },
  loop_limit_reached: {
    text: 'The loop has run maxIterations turns and its condition did not end it; correct the condition, or raise maxIterations.',
    retried: false,
  },
  missing_value: {
    text: 'A placeholder refers to a value that does not exist; the message names it. Correct the path, or end the placeholder with ? if the value may be missing.',
    retried: false,
  },
  invalid_wait: {
    text: 'The node wants to wait in a way that is not possible; the message says why. The developer of the node has to correct it.',
    retried: false,
  },
  mcp_unavailable: {
    text: 'The tools of an MCP server could not be listed; the message names the server and says why. Start the execution again later, or correct the server.',
    retried: true,
  },
  message_file_invalid: {
    text: 'A file or an image of messages could not be loaded, or is too large; the message names it and says why.',
    retried: false,
  },
  model_auth_failed: {
    text: "The model provider refused the server's key; check the key and its permissions.",
    retried: false,
  },
  model_answer_cut_off: {
    text: 'The answer of the model was cut off before it had any text; raise maxOutputTokens, or shorten the prompt.',
    retried: false,
  },
  model_failed: {
    text: 'The call of the model failed in a way that this server does not know; the message contains what the provider said, and the server log the cause.',
    retried: false,
  },
  model_filtered: {
    text: 'The model provider filtered the answer; change the prompt.',
    retried: false,
  },
  model_not_available: {
    text: 'This server has no such model, or no key for its provider; the message says which setting is missing.',
    retried: false,
  },
  model_not_found: {
    text: "The model provider does not know the model (404); check the model's name and the provider's base URL.",
    retried: false,
  },
  model_overloaded: {
    text: 'The model provider is overloaded (529); start the execution again later, or use another model.',
    retried: true,
  },
  model_quota_exceeded: {
    text: "The server's account at the model provider has no credit left; add credit.",
    retried: false,
  },
  model_rate_limited: {
    text: 'The model provider rate-limited the request (429); run fewer agents at once, or raise the limit at the provider.',
    retried: true,
  },
  model_refused_request: {
    text: 'The model provider refused the request; the message contains its reason.',
    retried: false,
  },
  model_stream_broken: {
    text: "The model's answer broke off or could not be read; start the execution again.",
    retried: true,
  },
  model_timeout: {
    text: 'The model sent nothing for MODEL_IDLE_TIMEOUT_MS; start the execution again, or raise the limit.',
    retried: true,
  },
  model_unavailable: {
    text: 'The model provider failed or could not be reached; start the execution again later, or use another model.',
    retried: true,
  },
  node_failed: {
    text: 'The code of the node threw an error; the message contains it. The developer of the node has to correct it.',
    retried: false,
  },
  node_timeout: {
    text: 'An attempt of the node took longer than its time limit; raise data.timeoutMs or NODE_TIMEOUT_MS.',
    retried: true,
  },
  output_invalid: {
    text: 'The answer of the model does not fit output.schema, also after one correction; the message names the problem. Simplify the schema, or use another model.',
    retried: false,
  },
  output_not_json: {
    text: 'The output of the node, or a value in an event that it emitted, is not a JSON value; the developer of the node has to correct it.',
    retried: false,
  },
  output_too_deep: {
    text: 'The output of the node, or a value in an event that it emitted, is nested too deeply; reduce the data, or raise OUTPUT_MAX_DEPTH.',
    retried: false,
  },
  output_too_large: {
    text: 'The output of the node, or a value in an event that it emitted, is too large; reduce the data, or raise OUTPUT_MAX_BYTES or OUTPUT_MAX_PARTS.',
    retried: false,
  },
  outputs_too_large: {
    text: 'The outputs of all nodes together are too large; reduce the data, or raise OUTPUTS_MAX_BYTES.',
    retried: false,
  },
  redirect_not_allowed: {
    text: 'The service redirects to an address that is not a URL, or from https to http; use the final https address.',
    retried: false,
  },
  response_too_large: {
    text: 'The response of the service is too large; request less data, or raise HTTP_RESPONSE_MAX_BYTES.',
    retried: false,
  },
  public_url_missing: {
    text: 'The workflow uses a callback address, and the server does not know the address at which third parties reach it. Set PUBLIC_URL.',
    retried: false,
  },
  signal_expired: {
    text: 'No signal arrived in time; raise expiresInMs, or set onExpire to continue.',
    retried: false,
  },
  step_refused: {
    text: 'An interceptor of the server refused the step or the execution; the message has its reason.',
    retried: false,
  },
  token_limit_exceeded: {
    text: 'The execution used more tokens than options.limits.maxTokens; raise the limit, or use fewer or shorter model calls.',
    retried: false,
  },
  tool_limit_reached: {
    text: 'The model calls tools and does not answer, although it has used all rounds of maxToolRounds; raise maxToolRounds, or change the prompt.',
    retried: false,
  },
  tool_not_available: {
    text: 'This server has no tool of this name; load the module that provides it, or change the name.',
    retried: false,
  },
  too_deep: {
    text: 'Child executions are nested more deeply than MAX_CHILD_DEPTH; flatten the workflow, or raise the setting.',
    retried: false,
  },
  too_many_children: {
    text: 'The tree would have more child executions than MAX_CHILDREN; work on fewer items, or raise the setting.',
    retried: false,
  },
  too_many_recoveries: {
    text: 'Several server processes crashed while they ran this execution, so it is not run again; find the cause in the server logs.',
    retried: false,
  },
  too_many_redirects: {
    text: 'The service redirects too often; use the final address.',
    retried: false,
  },
  transform_failed: {
    text: 'The expression of the transform node failed, or exceeded TRANSFORM_TIMEOUT_MS or TRANSFORM_MEMORY_MB; correct or simplify the expression.',
    retried: false,
  },
  unknown_encoding: {
    text: 'The response has a Content-Encoding that the server cannot decode; make the service use a supported one.',
    retried: false,
  },
  unknown_node_type: {
    text: 'This server has no node type of this name; load the module that adds it, or change the type.',
    retried: false,
  },
  input_invalid: {
    text: 'The input of a child execution does not fit the inputSchema of its saved workflow; correct the config of the node.',
    retried: false,
  },
  workflow_unavailable: {
    text: 'The saved workflow that a node names does not exist, or has no such version or alias. Save it, or change the ref.',
    retried: false,
  },
  secret_not_allowed: {
    text: 'A secret would be sent to a host that its allowedHosts do not name, or in a place that takes no secrets. Nothing was sent. Change allowedHosts, or the config.',
    retried: false,
  },
  secrets_unavailable: {
    text: 'The server cannot decrypt a secret, because SECRETS_KEY does not have the key by which it was encrypted. Add that key.',
    retried: false,
  },
} as const satisfies Record<string, { text: string; retried: boolean }>;

/** A failure code of this server. */
export type FailureCode = keyof typeof FAILURE_CODES;
