import { CloutAgent } from '@cloutagent/client';
import { BASE_PATH } from '../routing/base-path.js';
import type { Credential } from './credential.js';
import { endSession } from './session.js';

const REFUSED = 'Your key has expired or was revoked. Sign in with another key to return to this page.';

/** Creates a client with the signed-in key. A 401 response to any request ends the session. */
export function createApi(key: string): CloutAgent {
  return new CloutAgent({
    baseUrl: BASE_PATH,
    apiKey: key,
    fetch: async (...args) => {
      const response = await fetch(...args);
      if (response.status === 401) endSession(key, REFUSED);
      return response;
    },
  });
}

/**
 * Asks the server for the permissions of `key`.
 * @throws CloutAgentError when the key is not valid, or when the server cannot be reached
 */
export async function checkKey(key: string): Promise<Credential> {
  return { key, me: await new CloutAgent({ baseUrl: BASE_PATH, apiKey: key }).me() };
}
