import { Inject } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { SafeHttp } from '../http/safe-http.js';
import { parseBody } from '../models/model-call.js';
import { NodeHandler } from '../node-handler.decorator.js';
import { NodeError, type NodeRun, type NodeType, TransientError } from '../node-handler.js';

const HttpConfig = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
  url: z.string().min(1).max(8192),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is not a header name'), z.string().max(8192))
    .optional(),
  /** Text goes out as it is, anything else as JSON. */
  body: z.json().optional(),
  /** Also repeats POST and PATCH after a reset, though the first may have had its effect. */
  retryUnsafe: z.boolean().default(false),
});
type HttpConfig = z.infer<typeof HttpConfig>;

/** Sends one HTTP request. Output `{ status, headers, body }`, the body parsed when it is JSON. */
@NodeHandler('http')
export class HttpNode implements NodeType<HttpConfig> {
  readonly config = HttpConfig;

  constructor(@Inject(SafeHttp) private readonly http: SafeHttp) {}

  async run({ config, signal }: NodeRun<HttpConfig>): Promise<Json> {
    const { method, url, headers = {}, body } = config;
    if (Object.values(headers).some((value) => /[\r\n\0]/.test(value))) {
      throw new NodeError('invalid_config', 'A header value holds a line break.');
    }
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const type = body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' };
    try {
      const answer = await this.http.send({
        method,
        url,
        headers: { ...type, ...headers },
        ...(text !== undefined && { body: text }),
        signal,
      });
      if (answer.status >= 400)
        throw new NodeError(
          'http_status',
          `The server answered ${answer.status}: ${answer.body.slice(0, 500)}`,
        );
      return { status: answer.status, headers: answer.headers, body: parseBody(answer.body) };
    } catch (error) {
      const unsafe = (method === 'POST' || method === 'PATCH') && !config.retryUnsafe;
      if (unsafe && error instanceof TransientError && error.code === 'http_unreachable') {
        throw new NodeError(
          error.code,
          `${error.message}. A ${method} may have had its effect and is not repeated (retryUnsafe).`,
          { cause: error },
        );
      }
      throw error;
    }
  }
}
