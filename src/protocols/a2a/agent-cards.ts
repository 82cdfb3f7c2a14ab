import { WorkflowRef } from '@cloutagent/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { mayStartName, ownsProject, type Principal } from '../../auth/principal.js';
import { requireScopes } from '../../auth/require-scopes.js';
import { Settings } from '../../config/settings.js';
import { WorkflowStore } from '../../definitions/workflow-store.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { agentCard } from './agent-card.js';
import type { AgentRef } from './task-reader.js';

/** Makes the cards of agents. */
@Injectable()
export class AgentCards {
  constructor(
    private readonly workflows: WorkflowStore,
    @Inject(Settings) private readonly settings: Pick<Settings, 'PUBLIC_URL'>,
  ) {}

  /**
   * Makes the card of an agent. Its address is below PUBLIC_URL, or else where the client has sent the request.
   * @throws NotFoundError if the project is not the principal's, or has no such saved workflow, or the principal's key is limited to others
   */
  async get({ projectId, ref }: AgentRef, principal: Principal, request: Request): Promise<object> {
    requireScopes(principal, ['workflows:read']);
    const isRef = ownsProject(principal, projectId) && WorkflowRef.safeParse(ref).success;
    if (!isRef || !mayStartName(principal, ref)) throw new NotFoundError('saved workflow', ref);
    const [name = '', version] = ref.split('@');
    const saved = await this.workflows.get(projectId, name, version);
    const base =
      this.settings.PUBLIC_URL?.replace(/\/+$/, '') ??
      `${request.protocol}://${request.get('Host') ?? 'localhost'}${request.baseUrl}`;
    return agentCard(saved, `${base}/api/a2a/${projectId}/${ref}`);
  }
}
