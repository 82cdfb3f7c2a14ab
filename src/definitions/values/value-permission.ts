import { Injectable } from '@nestjs/common';
import type { Warning, Workflow } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import type { ValueReference } from '../../engine/extension/template.js';
import { clearCredentials } from '../../engine/validation/clear-credentials.js';
import { ValueReferences } from '../../engine/validation/value-references.js';
import { type PathError, ProblemError } from '../../problems/problem.error.js';
import { SecretStore } from '../../secrets/secret-store.js';
import { VariableStore } from '../../secrets/variable-store.js';

/** Errors and warnings that one answer lists. */
const MAX_LISTED = 100;

/** Checks what a workflow may use of the secrets and variables of its project, before anything starts. */
@Injectable()
export class ValuePermission {
  constructor(
    private readonly references: ValueReferences,
    private readonly secrets: SecretStore,
    private readonly variables: VariableStore,
  ) {}

  /**
   * Checks a workflow that is to run.
   * @param author who has written the graph; undefined if it is that of a saved workflow
   * @throws ProblemError 403 `secret_not_allowed`, 400 `secret_unknown`
   */
  async check(
    { projectId, workflow }: { projectId: string; workflow: Workflow },
    author: Principal | undefined,
  ): Promise<void> {
    const used = this.references.of(workflow);
    if (used.length === 0) return;
    if (author) assertScope(author, used);
    const required = (root: ValueReference['root']) =>
      used.flatMap((each) => (each.root === root && !each.isOptional ? [each.name] : []));
    const [secrets, variables] = await Promise.all([
      knownOf(this.secrets, projectId, required('secrets')),
      knownOf(this.variables, projectId, required('vars')),
    ]);
    const unknown = used.filter(
      ({ root, name, isOptional }) => !isOptional && !(root === 'secrets' ? secrets : variables).has(name),
    );
    if (unknown.length > 0)
      throw new ProblemError('secret_unknown', undefined, {
        errors: errorsOf(unknown, ({ root, name }) => {
          const what = root === 'secrets' ? 'secret' : 'variable';
          return `the project has no ${what} ${name}: set it first, or end the placeholder with ? if it may be missing`;
        }),
      });
  }

  /**
   * Checks that a principal may write a graph with secrets, for example into a saved workflow.
   * @throws ProblemError 403 `secret_not_allowed`
   */
  assertMayWrite(workflow: Workflow, author: Principal): void {
    assertScope(author, this.references.of(workflow));
  }
}

/** Warns about credentials in the clear in a posted workflow. */
export const credentialWarnings = (workflow: Workflow | undefined): Warning[] =>
  workflow === undefined
    ? []
    : clearCredentials(workflow)
        .slice(0, MAX_LISTED)
        .map(({ path, message }) => ({
          path: ['workflow', ...path].join('.'),
          message,
          code: 'clear_credential',
        }));

function assertScope({ scopes }: Principal, used: readonly ValueReference[]): void {
  const secrets = used.filter(({ root }) => root === 'secrets');
  if (secrets.length === 0 || scopes.includes('secrets:use')) return;
  throw new ProblemError('secret_not_allowed', undefined, {
    errors: errorsOf(secrets, ({ name }) => `the secret ${name} needs the scope secrets:use`),
  });
}

const errorsOf = (
  references: readonly ValueReference[],
  message: (reference: ValueReference) => string,
): PathError[] =>
  references.slice(0, MAX_LISTED).map((each) => ({
    path: ['workflow', ...each.path].join('.'),
    message: message(each),
  }));

const knownOf = async (
  store: SecretStore | VariableStore,
  projectId: string,
  names: readonly string[],
): Promise<Set<string>> => (names.length === 0 ? new Set() : store.known(projectId, [...new Set(names)]));
