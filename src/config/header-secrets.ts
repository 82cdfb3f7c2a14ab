/**
 * Returns the values of headers that may be secret. `Bearer abc` is a secret, and so is `abc`.
 * @param headers by name
 */
export const headerSecrets = (headers: Readonly<Record<string, string>> = {}): string[] =>
  Object.values(headers).flatMap((value) => [value, value.slice(value.lastIndexOf(' ') + 1)]);
