import { type Json, Json as JsonSchema, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { withLowerCaseNames } from '../http/header-names.js';
import { parseBody } from '../http/http-response.js';
import { statusFailure } from '../http/http-failure.js';
import { RestrictedHttpClient } from '../http/restricted-http-client.js';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import { NodeError, type NodeRun, type NodeType, TransientError } from '../extension/node-handler.js';
import { assertHeaders, Headers, Url, urlProblems } from '../http/http-config.js';

const Status = z.int().min(200).max(599);

const HttpConfig = z
  .strictObject({
    method: orDefault(
      z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']),
      () => 'GET' as const,
    ),
    url: Url,
    headers: orNull(Headers),
    /** Text is sent unchanged, any other value as JSON, also null. */
    body: JsonSchema.optional().meta({ placeholders: 'json', secrets: true }),
    /** Limit for the whole exchange, in ms. */
    timeoutMs: orNull(z.int().min(1).max(600_000)),
    /** The expected status, or a list of them; 200 to 299 by default. */
    expectStatus: orNull(z.union([Status, z.array(Status).min(1).max(20)])),
    /** Repeats a POST or PATCH even if the first one may have had an effect. */
    retryUnsafe: orDefault(z.boolean(), () => false),
  })
  .refine(({ method, body }) => body === undefined || (method !== 'GET' && method !== 'HEAD'), {
    path: ['body'],
    message: 'cannot be sent with GET or HEAD: use POST, or put the data into the URL',
  });
type HttpConfig = z.infer<typeof HttpConfig>;

/** Sends one HTTP request. Output `{ status, headers, body }`; a JSON body is parsed, any other body is text. */
@BuiltIn()
@NodeHandler('http')
export class HttpNode implements NodeType<HttpConfig> {
  readonly config = HttpConfig;

  constructor(private readonly http: RestrictedHttpClient) {}

  check({ url }: HttpConfig): ReturnType<typeof urlProblems> {
    return urlProblems(url, ['url']);
  }

  async run(run: NodeRun<HttpConfig>): Promise<Json> {
    const { config, signal } = run;
    const { method, timeoutMs, expectStatus } = config;
    const given = { url: config.url, headers: config.headers ?? {}, body: config.body };
    const sent = await run.reveal(given, { url: config.url });
    const { url, headers, body } = sent;
    assertHeaders(headers);
    const isJson = body !== undefined && typeof body !== 'string';
    const named = withLowerCaseNames(headers);
    const request = {
      method,
      url,
      headers: isJson ? { 'content-type': 'application/json', ...named } : named,
      body: isJson ? JSON.stringify(body) : body,
      staysAtOrigin: sent !== given,
      timeoutMs,
      signal,
    };
    const mayRepeat = config.retryUnsafe || !UNSAFE_METHODS.has(method);
    const response = await this.http.request(request).catch((error: unknown) => {
      throw mayRepeat || !AMBIGUOUS_CODES.has((error as NodeError).code)
        ? error
        : notRepeated(method, error as NodeError);
    });
    const { status } = response;
    if (expectStatus === undefined ? status >= 200 && status < 300 : [expectStatus].flat().includes(status)) {
      return { status, headers: response.headers, body: parseBody(response, this.http.limits) };
    }
    const failure = statusFailure(new URL(url).host, response, (text) => run.redact(text));
    throw mayRepeat || NOT_PROCESSED.has(status) || !(failure instanceof TransientError)
      ? failure
      : notRepeated(method, failure);
  }
}

/** Methods that are not idempotent (RFC 9110, section 9.2.2); repeating any other method has the effect of one request. */
const UNSAFE_METHODS = new Set(['POST', 'PATCH']);
/** Failures after which it is unknown whether the server carried out the request. */
const AMBIGUOUS_CODES = new Set(['http_connection_lost', 'http_timeout']);
/** Statuses by which a server says that it did not process the request (RFC 6585, section 4; RFC 9110, section 15.6.4). */
const NOT_PROCESSED = new Set([429, 503]);

const notRepeated = (method: string, { code, message }: NodeError): NodeError =>
  new NodeError(
    code === 'http_unavailable' ? 'http_status' : code,
    `${message} The ${method} may have had an effect, so it is not repeated. Set retryUnsafe to repeat it anyway.`,
  );
