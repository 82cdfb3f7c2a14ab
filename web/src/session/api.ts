import { CloutAgent } from '@cloutagent/client';
import type { Credential } from './credential.js';
import { endSession } from './session.js';

const REFUSED =
  'Your key is no longer good: it has expired or was revoked. Sign in with another one to go on where you were.';

/** The API as the signed-in key sees it. A 401 of any request ends the session. */
export function createApi(key: string): CloutAgent {
  return new CloutAgent({
    baseUrl: '',
    apiKey: key,
    fetch: async (...args) => {
      const response = await fetch(...args);
      if (response.status === 401) endSession(key, REFUSED);
      return response;
    },
  });
}

/**
 * Asks the server what `key` is good for.
 * @throws CloutAgentError when it is good for nothing, or when the server cannot be asked
 */
export async function checkKey(key: string): Promise<Credential> {
  return { key, me: await new CloutAgent({ baseUrl: '', apiKey: key }).me() };
}
