import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionOptions, WorkflowVersionRef } from '@cloutagent/contract';
import { mayStartName, type Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import { DEFAULT_MAX_RETRIES } from '../../engine/run/retry-policy.js';
import { ProblemError } from '../../problems/problem.error.js';

/** What a principal wants to run. */
interface WantedStart {
  readonly projectId: string;
  /** The version that is to run; undefined for a graph. */
  readonly saved: WorkflowVersionRef | undefined;
  /** The options with which it is to run. */
  readonly options: ExecutionOptions | undefined;
}

/** Checks what a principal may start that is limited to saved workflows (`Principal.workflows`). */
@Injectable()
export class StartPermission {
  constructor(
    private readonly workflows: SavedWorkflows,
    @Inject(Settings) private readonly settings: Pick<Settings, 'EXECUTION_TIMEOUT_MS'>,
  ) {}

  /**
   * Checks a start or a re-run. Does nothing for a principal without such a limit.
   * @throws ProblemError 403 `workflow_not_allowed`
   */
  async check(principal: Principal, { projectId, saved, options = {} }: WantedStart): Promise<void> {
    const { workflows: refs } = principal;
    if (!refs) return;
    if (!saved) throw refusal('It cannot post a graph, change one, or run one again.');
    const ref = `${saved.name}@${saved.version}`;
    const allowed = await Promise.all(refs.map((each) => this.allows(each, projectId, saved)));
    if (!allowed.includes(true)) throw refusal(`It cannot start ${ref}. It may start ${refs.join(', ')}.`);
    const definition = await this.workflows.find(projectId, ref);
    if (!definition) throw refusal(`${ref} has been deleted.`);
    const raised = this.raisedLimit(definition.options, options);
    if (raised !== undefined) throw refusal(`It cannot raise options.${raised} above that of ${ref}.`);
  }

  /**
   * Refuses a ref whose name the principal may not start, before anything of the workflow is read.
   * @throws ProblemError 403 `workflow_not_allowed`
   */
  checkName(principal: Principal, ref: string): void {
    if (!mayStartName(principal, ref))
      throw refusal(`It cannot start ${ref}. It may start ${principal.workflows?.join(', ')}.`);
  }

  /** A name alone allows all versions, and an alias the version to which it points now. */
  private async allows(
    ref: string,
    projectId: string,
    { name, version }: WorkflowVersionRef,
  ): Promise<boolean> {
    const [allowedName, selector] = ref.split('@');
    if (allowedName !== name) return false;
    if (selector === undefined || selector === String(version)) return true;
    return (await this.workflows.find(projectId, ref))?.version === version;
  }

  /** Returns the name of an option that is above that of the definition, or that no longer has a limit. */
  private raisedLimit(definition: ExecutionOptions, wanted: ExecutionOptions): string | undefined {
    const { EXECUTION_TIMEOUT_MS: timeoutMs } = this.settings;
    const pairs: [name: string, most: number, wanted: number][] = [
      ['timeoutMs', definition.timeoutMs ?? timeoutMs, wanted.timeoutMs ?? timeoutMs],
      ['maxRetries', definition.maxRetries ?? DEFAULT_MAX_RETRIES, wanted.maxRetries ?? DEFAULT_MAX_RETRIES],
      ['limits.maxTokens', definition.limits?.maxTokens ?? Infinity, wanted.limits?.maxTokens ?? Infinity],
      ['limits.maxCostUSD', definition.limits?.maxCostUSD ?? Infinity, wanted.limits?.maxCostUSD ?? Infinity],
    ];
    return pairs.find(([, most, value]) => value > most)?.[0];
  }
}

const refusal = (detail: string): ProblemError =>
  new ProblemError('workflow_not_allowed', `Your key is limited to saved workflows. ${detail}`);
