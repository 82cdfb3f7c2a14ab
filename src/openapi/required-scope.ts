import type { OpenAPIObject } from '@nestjs/swagger';

/** The extension by which an operation names the scope that its caller needs. */
export const REQUIRED_SCOPE = 'x-required-scope';

interface Scope {
  readonly name: string;
  readonly description: string;
}

/**
 * Adds all scopes to the bearer scheme, as `x-scopes` and in its description, and the required scope to each operation. The
 * names in a security requirement of a scheme that is not OAuth2 are roles (OpenAPI 3.1.1, section 4.8.30).
 */
export function documentScopes(document: OpenAPIObject, scopes: readonly Scope[]): void {
  const scheme = document.components?.securitySchemes?.['bearer'] as
    { description?: string; 'x-scopes'?: Record<string, string> } | undefined;
  if (scheme) {
    scheme['x-scopes'] = Object.fromEntries(scopes.map(({ name, description }) => [name, description]));
    const list = scopes.map(({ name, description }) => `- \`${name}\`: ${description}`).join('\n');
    scheme.description = `${scheme.description ?? ''}\n\nScopes:\n\n${list}`;
  }
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path as Record<string, Operation>)) {
      const scope = operation[REQUIRED_SCOPE];
      if (scope !== undefined) operation.security = [{ bearer: [scope] }];
    }
  }
}

interface Operation {
  security?: Record<string, string[]>[];
  [REQUIRED_SCOPE]?: string;
}
