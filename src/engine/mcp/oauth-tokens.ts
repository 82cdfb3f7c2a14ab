import { z } from 'zod';
import type { RemoteMcpServer } from '../../config/mcp-servers-setting.js';

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;
type Credentials = NonNullable<RemoteMcpServer['oauth']>;

const TokenAnswer = z.looseObject({
  access_token: z.string().min(1).max(16_384),
  expires_in: z.coerce.number().positive().optional().catch(undefined),
});
/** A token is renewed this long before it ends, because a request takes time. */
const MARGIN_MS = 30_000;
const DEFAULT_LIFETIME_MS = 300_000;

/**
 * The access tokens of one server, by client credentials (RFC 6749, section 4.4). All connections to the server share a
 * token. It is renewed before it ends, and when the server refuses it.
 */
export class OAuthTokens {
  private current: { token: string; until: number } | undefined;
  private pending: Promise<string> | undefined;

  constructor(
    private readonly serverUrl: string,
    private readonly credentials: Credentials,
  ) {}

  /** Returns a token that is valid, or asks for one. */
  token(fetch: Fetch): Promise<string> {
    if (this.current && Date.now() < this.current.until) return Promise.resolve(this.current.token);
    this.pending ??= this.request(fetch).finally(() => (this.pending = undefined));
    return this.pending;
  }

  /** Forgets a token that the server has refused. */
  refused(token: string | undefined): void {
    if (this.current?.token === token) this.current = undefined;
  }

  private async request(fetch: Fetch): Promise<string> {
    const { clientId, clientSecret, scope } = this.credentials;
    const { endpoint, usesBody } = await this.endpoint(fetch);
    const form = new URLSearchParams({ grant_type: 'client_credentials', resource: this.serverUrl });
    if (scope !== undefined) form.set('scope', scope);
    const headers: Record<string, string> = {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    };
    if (usesBody) {
      form.set('client_id', clientId);
      form.set('client_secret', clientSecret);
    } else {
      const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
      headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    }
    const response = await fetch(endpoint, { method: 'POST', headers, body: form.toString() });
    const answer = TokenAnswer.safeParse(await response.json().catch(() => undefined));
    if (!response.ok || !answer.success)
      throw new Error(
        `${new URL(endpoint).host} issued no token (status ${response.status}): check clientId, clientSecret and scope in MCP_SERVERS`,
      );
    const lifetime = (answer.data.expires_in ?? DEFAULT_LIFETIME_MS / 1_000) * 1_000;
    this.current = { token: answer.data.access_token, until: Date.now() + lifetime - MARGIN_MS };
    return this.current.token;
  }

  private async endpoint(fetch: Fetch): Promise<{ endpoint: string; usesBody: boolean }> {
    if (this.credentials.tokenUrl !== undefined)
      return { endpoint: this.credentials.tokenUrl, usesBody: false };
    const { discoverOAuthServerInfo } = await import('@modelcontextprotocol/client');
    const { authorizationServerMetadata: metadata } = await discoverOAuthServerInfo(this.serverUrl, {
      fetchFn: fetch,
    });
    if (!metadata?.token_endpoint)
      throw new Error('it does not say where tokens are issued: set oauth.tokenUrl in MCP_SERVERS');
    const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const usesBody = !methods.includes('client_secret_basic') && methods.includes('client_secret_post');
    return { endpoint: metadata.token_endpoint, usesBody };
  }
}
