/** Where the NATS servers are, and how to log in. */
export interface NatsServers {
  /** Host and port of each server. */
  servers: string[];
  /** If a connection without TLS is refused: the host that the certificate must name if servers are given by address. */
  tls?: object;
  user?: string;
  pass?: string;
  token?: string;
}

/** Parses a list of URLs with commas between them. A user name without a password is a token, as in other clients of NATS. */
export function parseNatsUrls(text: string): NatsServers {
  const urls = text.split(',').map((url) => new URL(url.trim()));
  const { username, password } = urls.find((url) => url.username !== '') ?? { username: '', password: '' };
  const user = decodeURIComponent(username);
  return {
    servers: urls.map(({ host }) => host),
    ...(urls.some(({ protocol }) => protocol === 'tls:') && { tls: { host: urls[0]!.hostname } }),
    ...(user !== '' && (password === '' ? { token: user } : { user, pass: decodeURIComponent(password) })),
  };
}

/** Whether a text is a list of URLs of NATS servers. */
export function isNatsUrls(text: string): boolean {
  return text.split(',').every((item) => {
    const url = URL.parse(item.trim());
    if (!url || !['nats:', 'tls:'].includes(url.protocol) || url.hostname === '') return false;
    if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') return false;
    try {
      decodeURIComponent(url.username + url.password);
      return true;
    } catch {
      return false;
    }
  });
}
