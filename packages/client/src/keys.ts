import type { ApiKeyList, CreateApiKey, CreatedApiKey } from '@cloutagent/contract';
import type { Http } from './http.js';
import type { RequestOptions } from './options.js';

/** API keys of the caller's projects; needs the scope `keys:manage`. Every method throws CloutAgentError. */
export class KeysApi {
  constructor(private readonly http: Http) {}

  /** Makes a key. `key` in the answer is shown this once. */
  create(request: CreateApiKey, { signal }: RequestOptions = {}): Promise<CreatedApiKey> {
    return this.http.json('/api/keys', { method: 'POST', body: request, signal });
  }

  list({ signal }: RequestOptions = {}): Promise<ApiKeyList> {
    return this.http.json('/api/keys', { signal });
  }

  /** Revokes a key; its streams end. */
  revoke(keyId: string, { signal }: RequestOptions = {}): Promise<void> {
    return this.http.json(`/api/keys/${encodeURIComponent(keyId)}`, { method: 'DELETE', signal });
  }
}
