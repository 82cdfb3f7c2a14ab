import { type Json, Json as JsonSchema, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { parsedBody } from '../http/http-answer.js';
import { statusFailure } from '../http/http-failure.js';
import { RestrictedHttpClient } from '../http/restricted-http-client.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import { NodeError, type NodeRun, type NodeType, TransientError } from '../extension/node-handler.js';
import { Headers, Url, urlProblems } from './http-config.js';

const Status = z.int().min(200).max(599);

const HttpConfig = z
  .strictObject({
    method: orDefault(
      z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']),
      () => 'GET' as const,
    ),
    url: Url,
    headers: orNull(Headers),
    /** Text goes out as it is, anything else as JSON, null too. */
    body: JsonSchema.optional(),
    /** For the whole exchange, in ms. */
    timeoutMs: orNull(z.int().min(1).max(600_000)),
    /** The status that is wanted, or a list of them, instead of 200 to 299. */
    expectStatus: orNull(z.union([Status, z.array(Status).min(1).max(20)])),
    /** Repeats POST and PATCH even when the first one may have had its effect. */
    retryUnsafe: orDefault(z.boolean(), () => false),
  })
  .refine(({ method, body }) => body === undefined || (method !== 'GET' && method !== 'HEAD'), {
    path: ['body'],
    message: 'can not go with GET or HEAD: use POST, or put it into the URL',
  });
type HttpConfig = z.infer<typeof HttpConfig>;

/** Sends one HTTP request. Output `{ status, headers, body }`; the body is parsed when it is JSON, else text. */
@NodeHandler('http')
export class HttpNode implements NodeType<HttpConfig> {
  readonly config = HttpConfig;
  readonly asks = false;

  constructor(private readonly http: RestrictedHttpClient) {}

  check({ url }: HttpConfig): ReturnType<typeof urlProblems> {
    return urlProblems(url, ['url']);
  }

  async run({ config, signal }: NodeRun<HttpConfig>): Promise<Json> {
    const { method, url, headers = {}, body, timeoutMs, expectStatus } = config;
    const json = body !== undefined && typeof body !== 'string';
    const given = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const request = {
      method,
      url,
      headers: json ? { 'content-type': 'application/json', ...given } : given,
      body: json ? JSON.stringify(body) : body,
      timeoutMs,
      signal,
    };
    const mayRepeat = config.retryUnsafe || !UNSAFE.has(method);
    const answer = await this.http.request(request).catch((error: unknown) => {
      throw mayRepeat || !AMBIGUOUS.has((error as NodeError).code)
        ? error
        : notRepeated(method, error as NodeError);
    });
    const { status } = answer;
    if (expectStatus === undefined ? status >= 200 && status < 300 : [expectStatus].flat().includes(status)) {
      return { status, headers: answer.headers, body: parsedBody(answer, this.http.limits) };
    }
    const failure = statusFailure(new URL(url).host, answer);
    throw mayRepeat || NOT_TAKEN_ON.has(status) || !(failure instanceof TransientError)
      ? failure
      : notRepeated(method, failure);
  }
}

/** RFC 9110, section 9.2.2: any other method may be sent twice with the effect of once. */
const UNSAFE = new Set(['POST', 'PATCH']);
/** After these nobody knows whether the request was carried out. */
const AMBIGUOUS = new Set(['http_connection_lost', 'http_timeout']);
/** With these the server says that it did nothing (RFC 6585, section 4; RFC 9110, section 15.6.4). */
const NOT_TAKEN_ON = new Set([429, 503]);

const notRepeated = (method: string, { code, message }: NodeError): NodeError =>
  new NodeError(
    code === 'http_unavailable' ? 'http_status' : code,
    `${message} The ${method} may have had its effect, so it is not repeated; with retryUnsafe it would be.`,
  );
