import { CloutAgent, CloutAgentError } from '@cloutagent/client';
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
 * Asks the server whether `key` is good.
 * @throws CloutAgentError when it is not, or when the server cannot be asked
 */
export async function checkKey(key: string): Promise<void> {
  try {
    await new CloutAgent({ baseUrl: '', apiKey: key }).executions.list({ limit: 1 });
  } catch (error) {
    // Good, but not for this: pages say which scope they need.
    if (!(error instanceof CloutAgentError) || error.code !== 'insufficient_scope') throw error;
  }
}
