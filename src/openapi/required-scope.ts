import type { OpenAPIObject } from '@nestjs/swagger';

/**
 * The extension by which decorators pass on the scope that a caller needs: `''` if any will do, null if the route needs no
 * credential. The document has it only with a scope.
 */
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
      if (typeof scope === 'string') operation.security = [{ bearer: scope === '' ? [] : [scope] }];
      if (!scope) delete operation[REQUIRED_SCOPE];
    }
  }
}

interface Operation {
  security?: Record<string, string[]>[];
  [REQUIRED_SCOPE]?: string | null;
}
