import type { ExecutionOptions } from '@cloutagent/contract';
import { Injectable } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import { type ResolvedWorkflow, SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import { ProblemError } from '../../problems/problem.error.js';

/** What a principal that is limited to saved workflows wants to run. */
interface WantedStart {
  readonly projectId: string;
  /** The version that is to run; undefined for a graph. */
  readonly saved: Pick<ResolvedWorkflow, 'name' | 'version'> | undefined;
  /** The options of the definition, which may be lowered. */
  readonly allowed: ExecutionOptions;
  /** The options that the request gives. */
  readonly options: ExecutionOptions | undefined;
  /** Whether `options` replace the allowed ones as a whole, so that a limit which they leave out is removed. */
  readonly replaces?: boolean;
}

/** Checks what a key may start that is limited to saved workflows. */
@Injectable()
export class StartPermission {
  constructor(private readonly workflows: SavedWorkflows) {}

  /**
   * Checks a start or a re-run. Does nothing for a principal without such a limit.
   * @throws ProblemError 403 `workflow_not_allowed`
   */
  async check(
    principal: Principal,
    { projectId, saved, allowed, options, replaces = false }: WantedStart,
  ): Promise<void> {
    if (!principal.workflows) return;
    if (!saved) throw refusal('It cannot post a graph, change one, or run one again.');
    const matches = await Promise.all(principal.workflows.map((ref) => this.allows(ref, projectId, saved)));
    if (!matches.includes(true))
      throw refusal(
        `It cannot start ${saved.name}@${saved.version}. It may start ${principal.workflows.join(', ')}.`,
      );
    const raised = options && raisedLimit(allowed, options, replaces);
    if (raised !== undefined) throw refusal(`It cannot raise ${raised} above that of the saved workflow.`);
  }

  /** A name alone allows all versions, and an alias the version to which it points now. */
  private async allows(
    ref: string,
    projectId: string,
    { name, version }: Pick<ResolvedWorkflow, 'name' | 'version'>,
  ): Promise<boolean> {
    const [allowedName, selector] = ref.split('@');
    if (allowedName !== name) return false;
    if (selector === undefined || selector === String(version)) return true;
    return (await this.workflows.find(projectId, ref))?.version === version;
  }
}

const refusal = (detail: string): ProblemError =>
  new ProblemError('workflow_not_allowed', `Your key is limited to saved workflows. ${detail}`);

/** Returns the name of an option whose value is above the allowed one. */
function raisedLimit(
  allowed: ExecutionOptions,
  options: ExecutionOptions,
  replaces: boolean,
): string | undefined {
  const absent = replaces ? Infinity : 0;
  const pairs: [string, number | undefined, number | undefined][] = [
    ['options.timeoutMs', allowed.timeoutMs, options.timeoutMs],
    ['options.maxRetries', allowed.maxRetries, options.maxRetries],
    ['options.limits.maxTokens', allowed.limits?.maxTokens, options.limits?.maxTokens],
    ['options.limits.maxCostUSD', allowed.limits?.maxCostUSD, options.limits?.maxCostUSD],
  ];
  return pairs.find(([, most = Infinity, wanted = absent]) => wanted > most)?.[0];
}
