import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import type { Settings } from '../config/settings.js';

/** The identity provider's key set cannot be read: the provider does not answer, or its answer is not a key set. */
export class KeySetUnavailableError extends Error {
  override readonly name = 'KeySetUnavailableError';
}

/** The minimum time between a failed request for the set and the next one, however many tokens need the set. */
const FAILURE_PAUSE_MS = 1_000;

/**
 * Reads the key set at JWKS_URL and keeps it as the settings say. The times are measured here with the monotonic clock.
 * jose uses the wall clock: if that were set back by an hour, a new key would be unknown for an hour.
 * @returns finds the key of a token for `jwtVerify`. It throws KeySetUnavailableError when the set cannot be read, and
 *   other errors for a token whose key is not in the set or cannot be used
 */
export function remoteKeySet(
  url: string,
  settings: Pick<Settings, 'JWKS_TIMEOUT_MS' | 'JWKS_COOLDOWN_MS' | 'JWKS_MAX_AGE_MS'>,
): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(url), {
    timeoutDuration: settings.JWKS_TIMEOUT_MS,
    cooldownDuration: Infinity,
    cacheMaxAge: Infinity,
    // jose throws the same errors for a set that it cannot read and for a single key that it refuses. To tell them apart,
    // the set as a whole is checked here.
    [customFetch]: async (...request) => {
      try {
        return await readKeySet(...request);
      } catch (cause) {
        throw new KeySetUnavailableError("the identity provider's key set is unavailable", { cause });
      }
    },
  });
  let [requestedAt, readAt] = [-Infinity, -Infinity];
  /** The error of the last request for the set, if it failed. */
  let failure: { error: unknown } | undefined;
  let reading: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    requestedAt = performance.now();
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
  const reload = async (): Promise<void> => {
    const pauseMs = Math.min(settings.JWKS_COOLDOWN_MS, FAILURE_PAUSE_MS);
    if (!reading && failure && performance.now() - requestedAt < pauseMs) throw failure.error;
    // Calls that arrive during a request share that request.
    await (reading ??= read());
  };
  return async (header, token) => {
    if (performance.now() - readAt >= settings.JWKS_MAX_AGE_MS) await reload();
    try {
      return await keys(header, token);
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey;
      if (!isUnknown || performance.now() - readAt < settings.JWKS_COOLDOWN_MS) throw error;
      await reload();
      return keys(header, token);
    }
  };
}

async function readKeySet(...request: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...request);
  if (response.status !== 200) throw new Error(`the response has status ${response.status}`);
  const set = (await response.json()) as { keys?: unknown } | null;
  const keys = set?.keys;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null))
    throw new Error('the response is not a key set');
  return Response.json(set);
}
