import { Inject, Injectable, Optional } from '@nestjs/common';
import type { PutTrigger, Trigger } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import {
  NotFoundError,
  type PathError,
  ProblemError,
  ValidationFailedError,
} from '../../problems/problem.error.js';
import { checkMayStart, checkProject } from '../managed-project.js';
import { InputMapper } from './input-mapper.js';
import { TriggerSecrets } from './trigger-secrets.js';
import { type TriggerRow, TriggersRepository } from './triggers.repository.js';

/** Saves, shows and deletes triggers. */
@Injectable()
export class TriggersService {
  constructor(
    private readonly triggers: TriggersRepository,
    private readonly workflows: SavedWorkflows,
    private readonly mapper: InputMapper,
    @Optional() @Inject(TriggerSecrets) private readonly secrets: TriggerSecrets | undefined,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_TRIGGERS_PER_PROJECT' | 'PUBLIC_URL'>,
  ) {}

  /**
   * Makes a trigger or replaces it.
   * @throws NotFoundError if the project is not the principal's
   * @throws ValidationFailedError if the workflow or the secret does not exist, or `map` is not valid JSONata
   * @throws ProblemError 403 `insufficient_scope`, 403 `workflow_not_allowed`, 429 `too_many_triggers`, 503 `no_worker_free`,
   *   503 `secrets_unavailable`
   */
  async put(projectId: string, name: string, content: PutTrigger, principal: Principal): Promise<Trigger> {
    checkMayStart(principal, projectId);
    const errors: PathError[] = [];
    if (!(await this.workflows.find(projectId, content.workflowRef)))
      errors.push({ path: 'workflowRef', message: 'names no saved workflow of the project' });
    if (!this.secrets) throw new ProblemError('secrets_unavailable');
    if ((await this.secrets.find(projectId, content.secret)) === undefined)
      errors.push({ path: 'secret', message: 'names no secret of the project. Set it first' });
    if (content.map !== undefined) errors.push(...(await this.mapper.check(projectId, content.map)));
    if (errors.length > 0) throw new ValidationFailedError(errors);
    const limit = this.settings.MAX_TRIGGERS_PER_PROJECT;
    const row = await this.triggers.save(projectId, name, content, principal.id, limit);
    if (!row) throw new ProblemError('too_many_triggers');
    return this.toTrigger(row);
  }

  /** @throws NotFoundError */
  async get(projectId: string, name: string, principal: Principal): Promise<Trigger> {
    checkProject(principal, projectId);
    const row = await this.triggers.find(projectId, name);
    if (!row) throw new NotFoundError('trigger');
    return this.toTrigger(row);
  }

  /** @throws NotFoundError if the project is not the principal's */
  async list(projectId: string, principal: Principal): Promise<Trigger[]> {
    checkProject(principal, projectId);
    return (await this.triggers.list(projectId)).map((row) => this.toTrigger(row));
  }

  /** Deletes a trigger. Its executions stay. @throws NotFoundError */
  async delete(projectId: string, name: string, principal: Principal): Promise<void> {
    checkProject(principal, projectId);
    if (!(await this.triggers.delete(projectId, name))) throw new NotFoundError('trigger');
  }

  private toTrigger({ lastAt, createdAt, updatedAt, ...row }: TriggerRow): Trigger {
    const base = this.settings.PUBLIC_URL?.replace(/\/+$/, '') ?? '';
    return {
      ...row,
      address: `${base}/api/hooks/${row.projectId}/${row.name}`,
      lastAt: lastAt?.toISOString() ?? null,
      createdAt: createdAt.toISOString(),
      updatedAt: updatedAt.toISOString(),
    };
  }
}
