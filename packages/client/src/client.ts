import type { Me } from '@cloutagent/contract';
import { ExecutionsApi } from './executions.js';
import { Http } from './http.js';
import { KeysApi } from './keys.js';
import { type ClientOptions, type RequestOptions, resolveOptions } from './options.js';

/** CloutAgent Executions: start, steer and watch them. */
export class CloutAgent {
  readonly executions: ExecutionsApi;
  readonly keys: KeysApi;
  private readonly http: Http;

  /** @throws CloutAgentError `invalid_argument` */
  constructor(options: ClientOptions) {
    const resolved = resolveOptions(options);
    this.http = new Http(resolved);
    this.executions = new ExecutionsApi(this.http, resolved);
    this.keys = new KeysApi(this.http);
  }

  /** Says who the credential stands for and what it may do; needs no scope. Throws CloutAgentError. */
  me({ signal }: RequestOptions = {}): Promise<Me> {
    return this.http.json('/api/me', { signal });
  }
}
