import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { NodeError } from '../extension/node-handler.js';
import { RestrictedFetch } from '../http/restricted-fetch.js';
import { McpConnection } from './mcp-connection.js';
import { OAuthTokens } from './oauth-tokens.js';
import { guarded } from './response-guard.js';

/** Where a server over Streamable HTTP is, and what it gets to know. */
export interface RemoteTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The operator names the server, so it may have a private address. */
  readonly isTrusted: boolean;
  /** The name in MCP_SERVERS, if it has `oauth` there. */
  readonly oauthOf: string | undefined;
  /** Whether its requests carry a secret, and may not be sent to another origin. The operator's servers may use OAuth. */
  readonly staysAtOrigin: boolean;
}

/** Connects to MCP servers over Streamable HTTP. */
@Injectable()
export class RemoteServers {
  private readonly tokens = new Map<string, OAuthTokens>();

  constructor(
    @Inject(Settings) private readonly settings: Settings,
    private readonly http: RestrictedFetch,
  ) {}

  /**
   * Opens a connection, which the caller closes.
   * @throws Error, whose message says what happened; NodeError for an address that is not allowed; the reason of `signal`
   */
  async open(target: RemoteTarget, signal: AbortSignal): Promise<McpConnection> {
    const { MCP_CONNECT_TIMEOUT_MS, MCP_TOTAL_TIMEOUT_MS, MCP_RESPONSE_MAX_BYTES: maxBytes } = this.settings;
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    const { http, settings } = this;
    // Ends what is left of the exchanges when the connection ends.
    const ended = new AbortController();
    let onTooLong: (error: Error) => void = () => undefined;
    const fetch = http.with({
      onTooLong: (error) => onTooLong(error),
      isTrusted: target.isTrusted,
      maxBytes,
      maxBytesSetting: 'MCP_RESPONSE_MAX_BYTES',
      timeoutMs: Math.max(MCP_TOTAL_TIMEOUT_MS, MCP_CONNECT_TIMEOUT_MS),
      signal: ended.signal,
    });
    let refusal: NodeError | undefined;
    try {
      return await McpConnection.open(
        (fail) => {
          onTooLong = fail;
          const guardedFetch = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
            if (target.staysAtOrigin && new URL(url).origin !== new URL(target.url).origin)
              throw new NodeError(
                'secret_not_allowed',
                'The MCP server leads to another origin, and the request carries a secret, so it was not sent there.',
              );
            // Nothing is expected that is not the answer to a request. Only a stream that broke off is read again.
            if (
              init.method === 'GET' &&
              !new Headers(init.headers).has('last-event-id') &&
              sameUrl(url, target.url)
            )
              return new Response(null, { status: 405 });
            try {
              return guarded(await fetch(url, init), { maxBytes, shape: settings }, fail);
            } catch (error) {
              if (error instanceof NodeError) refusal = error;
              throw error;
            }
          };
          const transport = new StreamableHTTPClientTransport(new URL(target.url), {
            fetch: guardedFetch,
            requestInit: { headers: { ...target.headers } },
            ...this.authOf(target, guardedFetch),
            onInsufficientScope: 'throw',
            reconnectionOptions: {
              initialReconnectionDelay: 500,
              maxReconnectionDelay: 5_000,
              reconnectionDelayGrowFactor: 2,
              maxRetries: 3,
            },
          });
          const close = transport.close.bind(transport);
          transport.close = async () => {
            await close();
            ended.abort(new Error('the connection has ended'));
          };
          return Promise.resolve(transport);
        },
        MCP_CONNECT_TIMEOUT_MS,
        signal,
      );
    } catch (error) {
      signal.throwIfAborted();
      throw refusal ?? error;
    }
  }

  private authOf(
    { url, oauthOf }: RemoteTarget,
    fetch: (url: string | URL, init?: RequestInit) => Promise<Response>,
  ) {
    const server = oauthOf === undefined ? undefined : this.settings.MCP_SERVERS[oauthOf];
    if (oauthOf === undefined || !server || !('oauth' in server) || !server.oauth) return {};
    const tokens = this.tokens.get(oauthOf) ?? new OAuthTokens(url, server.oauth);
    this.tokens.set(oauthOf, tokens);
    let last: string | undefined;
    return {
      authProvider: {
        token: async () => (last = await tokens.token(fetch)),
        onUnauthorized: () => Promise.resolve(tokens.refused(last)),
      },
    };
  }
}

const sameUrl = (one: string | URL, other: string): boolean => String(one) === new URL(other).href;
