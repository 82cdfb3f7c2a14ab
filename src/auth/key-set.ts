import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import type { Settings } from '../config/settings.js';

/** The identity provider's key set cannot be read: it does not answer, or answers with something else. */
export class KeySetUnavailableError extends Error {
  override readonly name = 'KeySetUnavailableError';
}

/** A set that could not be read is asked for again this long after, however many tokens need it. */
const FAILURE_PAUSE_MS = 1_000;

/**
 * Returns what `jwtVerify` finds a token's key by: the keys at JWKS_URL, read again as the settings say.
 * When they are read again is decided here by the monotonic clock: jose goes by the wall clock, and after that was set
 * back a new key would be unknown for as long.
 * @returns finds the key of a token; throws KeySetUnavailableError when the set cannot be read, and any other error for
 *   a token whose key is not in the set or cannot be used
 */
export function remoteKeySet(
  url: string,
  settings: Pick<Settings, 'JWKS_TIMEOUT_MS' | 'JWKS_COOLDOWN_MS' | 'JWKS_MAX_AGE_MS'>,
): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(url), {
    timeoutDuration: settings.JWKS_TIMEOUT_MS,
    cooldownDuration: Infinity,
    cacheMaxAge: Infinity,
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
  let [askedAt, readAt] = [-Infinity, -Infinity];
  /** Why the set could not be read when it was last asked for. */
  let failure: { error: unknown } | undefined;
  let reading: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    askedAt = performance.now();
    try {
      await keys.reload();
      readAt = performance.now();
      failure = undefined;
    } catch (error) {
      failure = { error };
      throw error;
    } finally {
      reading = undefined;
    }
  };
  const readAgain = async (): Promise<void> => {
    const pauseMs = Math.min(settings.JWKS_COOLDOWN_MS, FAILURE_PAUSE_MS);
    if (!reading && failure && performance.now() - askedAt < pauseMs) throw failure.error;
    // Those who ask meanwhile share one request.
    await (reading ??= read());
  };
  return async (header, token) => {
    if (performance.now() - readAt >= settings.JWKS_MAX_AGE_MS) await readAgain();
    try {
      return await keys(header, token);
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey;
      if (!isUnknown || performance.now() - readAt < settings.JWKS_COOLDOWN_MS) throw error;
      await readAgain();
      return keys(header, token);
    }
  };
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
