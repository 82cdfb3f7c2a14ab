import { ExecutionsApi } from './executions.js';
import { Http } from './http.js';
import { KeysApi } from './keys.js';
import { type ClientOptions, resolveOptions } from './options.js';

/** CloutAgent Executions: start, steer and watch them. */
export class CloutAgent {
  readonly executions: ExecutionsApi;
  readonly keys: KeysApi;

  /** @throws CloutAgentError `invalid_argument` */
  constructor(options: ClientOptions) {
    const resolved = resolveOptions(options);
    const http = new Http(resolved);
    this.executions = new ExecutionsApi(http, resolved);
    this.keys = new KeysApi(http);
  }
}
