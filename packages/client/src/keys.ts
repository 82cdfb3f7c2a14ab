import type { ApiKeyList, CreateApiKey, CreatedApiKey } from '@cloutagent/contract';
import type { Http } from './http.js';
import type { RequestOptions } from './options.js';

/** Manages API keys of the caller's projects. Needs the scope `keys:manage`. Every method throws CloutAgentError. */
export class KeysApi {
  constructor(private readonly http: Http) {}

  /** Creates a key. Only this response contains `key`. */
  create(request: CreateApiKey, { signal }: RequestOptions = {}): Promise<CreatedApiKey> {
    return this.http.json('/api/keys', { method: 'POST', body: request, signal });
  }

  list({ signal }: RequestOptions = {}): Promise<ApiKeyList> {
    return this.http.json('/api/keys', { signal });
  }

  /** Revokes a key. The server closes its streams. */
  revoke(keyId: string, { signal }: RequestOptions = {}): Promise<void> {
    return this.http.json(`/api/keys/${encodeURIComponent(keyId)}`, { method: 'DELETE', signal });
  }
}
