/** Reads the token from the value of an Authorization header (RFC 6750, section 2.1). Undefined for any other value. */
export const bearerToken = (authorization: string): string | undefined =>
  /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
