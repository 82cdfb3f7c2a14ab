import { createRemoteJWKSet, customFetch } from 'jose';
import type { Settings } from '../config/settings.js';

/** The identity provider's key set cannot be read: it does not answer, or answers with something else. */
export class KeySetUnavailableError extends Error {
  override readonly name = 'KeySetUnavailableError';
}

/**
 * The keys at JWKS_URL, read again as the settings say.
 * @returns finds the key of a token; throws KeySetUnavailableError when the set cannot be read, and any other error for
 *   a token whose key is not in the set or cannot be used
 */
export function remoteKeySet(
  url: string,
  settings: Pick<Settings, 'JWKS_TIMEOUT_MS' | 'JWKS_COOLDOWN_MS' | 'JWKS_MAX_AGE_MS'>,
): ReturnType<typeof createRemoteJWKSet> {
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: settings.JWKS_TIMEOUT_MS,
    cooldownDuration: settings.JWKS_COOLDOWN_MS,
    cacheMaxAge: settings.JWKS_MAX_AGE_MS,
    // jose throws the same errors for a set that it cannot read and for one key in it that it refuses. So the set is
    // checked here, as a whole.
    [customFetch]: async (...request) => {
      try {
        return await readKeySet(...request);
      } catch (cause) {
        throw new KeySetUnavailableError('the key set cannot be read', { cause });
      }
    },
  });
}

async function readKeySet(...request: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...request);
  if (response.status !== 200) throw new Error(`the answer has status ${response.status}`);
  const set = (await response.json()) as { keys?: unknown } | null;
  const keys = set?.keys;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null))
    throw new Error('the answer is no key set');
  return Response.json(set);
}
