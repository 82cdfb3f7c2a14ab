import type { RouteAccess } from './route-access.js';

/** A scope, and what it permits. */
export interface DocumentedScope {
  readonly name: string;
  readonly description: string;
}

/** Returns `components.securitySchemes`. The bearer scheme lists the scopes, in its description and as `x-scopes`. */
export const securitySchemes = (scopes: readonly DocumentedScope[]) => ({
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API key or a JWT, as `Authorization: Bearer …`. `x-required-scope` of an operation is the scope that it needs.\n\n' +
      `Scopes:\n\n${scopes.map(({ name, description }) => `- \`${name}\`: ${description}`).join('\n')}`,
    'x-scopes': Object.fromEntries(scopes.map(({ name, description }) => [name, description])),
  },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key.' },
  ticket: {
    type: 'apiKey',
    in: 'query',
    name: 'ticket',
    description: 'A ticket from `…/stream-tickets`, for `EventSource`, which cannot send headers.',
  },
});

/**
 * Returns the fields of an operation that say which credential it needs. The scope has a field of its own, because only OAuth2
 * schemes can have scopes in `security`, and linters enforce that.
 */
export function securityOf({ isPublic, scope, acceptsTicket, isForOperators }: RouteAccess): {
  security: Record<string, string[]>[];
  'x-required-scope'?: string;
} {
  if (isPublic) return { security: [] };
  return {
    // A caller needs one of these.
    security: [
      { bearer: [] },
      { apiKey: [] },
      ...(acceptsTicket ? [{ ticket: [] }] : []),
      ...(isForOperators ? [{}] : []),
    ],
    ...(scope !== undefined && { 'x-required-scope': scope }),
  };
}

/** Adds the scope that an operation needs to its description. */
export const withScope = (description: string, { isPublic, scope }: RouteAccess): string =>
  isPublic || scope === undefined ? description : `${description}\n\nNeeds the scope \`${scope}\`.`;
