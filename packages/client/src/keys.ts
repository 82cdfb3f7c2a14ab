import type { ApiKeyList, CreateApiKey, CreatedApiKey } from '@cloutagent/contract';
import type { Http } from './http.js';
import type { RequestOptions } from './options.js';

export interface CreateKeyOptions extends RequestOptions {
  /** A repeated call with the same key and request makes no second key and returns the first one, with its secret. */
  idempotencyKey?: string | undefined;
}

/** Manages API keys of the caller's projects. Needs the scope `keys:manage`. Every method throws CloutAgentError. */
export class KeysApi {
  constructor(private readonly http: Http) {}

  /** Creates a key. Only this response contains `key`. */
  create(request: CreateApiKey, { signal, idempotencyKey }: CreateKeyOptions = {}): Promise<CreatedApiKey> {
    const headers = { 'idempotency-key': idempotencyKey };
    return this.http.json('/api/keys', { method: 'POST', body: request, headers, signal });
  }

  list({ signal }: RequestOptions = {}): Promise<ApiKeyList> {
    return this.http.json('/api/keys', { signal });
  }

  /** Revokes a key. The server closes its streams. */
  revoke(keyId: string, { signal }: RequestOptions = {}): Promise<void> {
    return this.http.json(`/api/keys/${encodeURIComponent(keyId)}`, { method: 'DELETE', signal });
  }
}
