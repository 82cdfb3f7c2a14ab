import type { Request } from 'express';
import { bearerToken } from './bearer-token.js';

/** What a request presents: nothing, a text that may be a key or a JWT, or an Authorization of another scheme. */
export type Credential = { kind: 'none' } | { kind: 'text'; text: string } | { kind: 'other' };

/** Reads the credential of a request. Authorization counts before X-API-Key. */
export function credentialOf(request: Request): Credential {
  const { authorization } = request.headers;
  const text = authorization === undefined ? request.get('X-API-Key') : bearerToken(authorization);
  if (text !== undefined) return { kind: 'text', text };
  return { kind: authorization === undefined ? 'none' : 'other' };
}
