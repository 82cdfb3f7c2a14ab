import type { Me } from '@cloutagent/contract';
import { ExecutionsApi } from './executions.js';
import { Http } from './http.js';
import { KeysApi } from './keys.js';
import { ListenersApi } from './listeners.js';
import { type ClientOptions, type RequestOptions, resolveOptions } from './options.js';
import { WaitsApi } from './waits.js';

/** Client of a CloutAgent Executions server. */
export class CloutAgent {
  readonly executions: ExecutionsApi;
  readonly waits: WaitsApi;
  readonly keys: KeysApi;
  readonly listeners: ListenersApi;
  /** @internal `CloutAgentAdmin` sends its requests with it. */
  readonly http: Http;

  /** @throws CloutAgentError `invalid_argument` */
  constructor(options: ClientOptions) {
    const resolved = resolveOptions(options);
    this.http = new Http(resolved);
    this.executions = new ExecutionsApi(this.http, resolved);
    this.waits = new WaitsApi(this.http);
    this.keys = new KeysApi(this.http);
    this.listeners = new ListenersApi(this.http);
  }

  /** Returns the credential's principal and its permissions. Needs no scope. @throws CloutAgentError */
  me({ signal }: RequestOptions = {}): Promise<Me> {
    return this.http.json('/api/me', { signal });
  }
}
