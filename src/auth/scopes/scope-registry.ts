import { Injectable, type OnModuleInit } from '@nestjs/common';
import { SCOPE_MAX_LENGTH, SCOPES } from '@cloutagent/contract';
import { nearestName } from '../../common/spelling.js';
import { ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { BUILT_IN_SCOPES, type ScopeInfo } from './built-in-scopes.js';
import { DeclaresScopes } from './declares-scopes.decorator.js';

const NAME = /^[a-z][a-z0-9-]*(:[a-z0-9-]+)+$/;
const RESERVED = new Set(SCOPES.map((name) => name.split(':', 1)[0]));

/** Knows every scope: those of the server, and those that modules declare with `@DeclaresScopes`. */
@Injectable()
export class ScopeRegistry implements OnModuleInit {
  private scopes: ReadonlyMap<string, string> | undefined;

  constructor(private readonly discovery: ExtensionDiscovery) {}

  /** @throws Error if a declaration is not valid: the server does not start */
  onModuleInit(): void {
    this.known();
  }

  /** Returns all scopes, those of the server first. Call it from `onModuleInit` or later. */
  all(): ScopeInfo[] {
    return [...this.known()].map(([name, description]) => ({ name, description }));
  }

  has(name: string): boolean {
    return this.known().has(name);
  }

  /** Explains that no module declares the scope `name`, in a sentence that suggests a similar name. */
  problem(name: string): string {
    const nearest = nearestName(name, [...this.known().keys()]);
    const suggestion =
      nearest === undefined
        ? `the scopes are ${[...this.known().keys()].join(', ')}`
        : `did you mean ${nearest}?`;
    return `there is no scope ${JSON.stringify(name)}; ${suggestion}`;
  }

  /** Collects the scopes at the first call, because other providers may need them in their `onModuleInit`. */
  private known(): ReadonlyMap<string, string> {
    return (this.scopes ??= this.collect());
  }

  private collect(): ReadonlyMap<string, string> {
    const scopes = new Map(BUILT_IN_SCOPES.map(({ name, description }) => [name, description]));
    for (const { value, className, moduleName } of this.discovery.classesWith(DeclaresScopes)) {
      for (const [name, description] of Object.entries(value)) {
        const problem = problemOf(name, description, scopes.get(name));
        if (problem !== undefined)
          throw new Error(
            `@DeclaresScopes of ${className} (${moduleName}): ${JSON.stringify(name)} ${problem}.`,
          );
        scopes.set(name, description);
      }
    }
    return scopes;
  }
}

/** Two modules may declare one scope, but not with different descriptions: then they mean different things. */
function problemOf(name: string, description: unknown, declared: string | undefined): string | undefined {
  if (!NAME.test(name) || name.length > SCOPE_MAX_LENGTH)
    return `is not the name of a scope. Write words of lower-case letters, digits and hyphens, separated by colons, such as reports:read, with at most ${SCOPE_MAX_LENGTH} characters`;
  const namespace = name.split(':', 1)[0]!;
  if (RESERVED.has(namespace))
    return `begins with ${namespace}:, which is reserved for the server. Use another word`;
  if (typeof description !== 'string' || description.trim() === '')
    return 'has no description. Write a sentence that says what it permits';
  if (declared !== undefined && declared !== description)
    return `is already declared with the description ${JSON.stringify(declared)}. Rename one of the two, or give both the same description`;
  return undefined;
}
