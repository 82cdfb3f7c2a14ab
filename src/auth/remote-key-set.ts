import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';

/**
 * The keys of an identity provider, from its JWKS URL. When they are fetched again is decided here by the monotonic clock:
 * jose goes by the wall clock, and after that was set back a new key would be unknown for as long.
 * @returns what `jwtVerify` finds a token's key by
 */
export function remoteKeySet(
  url: URL,
  { timeoutMs, cooldownMs, maxAgeMs }: { timeoutMs: number; cooldownMs: number; maxAgeMs: number },
): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: timeoutMs,
    cooldownDuration: Infinity,
    cacheMaxAge: Infinity,
  });
  let fetchedAt = -Infinity;
  const fetchKeys = async (): Promise<void> => {
    // Those who ask meanwhile share one request.
    await keys.reload();
    fetchedAt = performance.now();
  };
  return async (header, token) => {
    if (performance.now() - fetchedAt >= maxAgeMs) await fetchKeys();
    try {
      return await keys(header, token);
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey;
      if (!isUnknown || performance.now() - fetchedAt < cooldownMs) throw error;
      await fetchKeys();
      return keys(header, token);
    }
  };
}
