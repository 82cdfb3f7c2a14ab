import { Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import {
  AliasName,
  DiffWorkflow,
  ListWorkflowVersions,
  ProjectId,
  SetAlias,
  WorkflowAlias,
  WorkflowDiff,
  WorkflowName,
  WorkflowVersionPage,
} from '@cloutagent/contract';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { EXAMPLE_DIFF, EXAMPLE_SUMMARY } from './examples.js';
import { diffOf } from './workflow-diff.js';
import { WorkflowStore } from './workflow-store.js';
import { checkProject } from './workflows.controller.js';

const PARAMS = { projectId: ProjectId, name: WorkflowName };
const VersionParam = z.coerce.number().int().min(1).max(2_147_483_647);

/** Shows the history of saved workflows, and moves their aliases. */
@Controller('api/workflows/:projectId/:name')
export class WorkflowVersionsController {
  constructor(private readonly store: WorkflowStore) {}

  @Get('versions')
  @RequireScope('workflows:read')
  @Documented({
    id: 'listWorkflowVersions',
    tag: 'Workflows',
    summary: 'List the versions of a saved workflow, newest first',
    description: 'Send `nextCursor` as `cursor` to get the next page. It is null on the last page.',
    status: 200,
    params: PARAMS,
    query: ListWorkflowVersions,
    response: WorkflowVersionPage,
    examples: { page: { value: { versions: [EXAMPLE_SUMMARY], nextCursor: null } } },
    errors: ['not_found'],
  })
  history(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WorkflowName }) name: string,
    @Query({ schema: ListWorkflowVersions }) query: ListWorkflowVersions,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WorkflowVersionPage> {
    checkProject(principal, projectId);
    return this.store.history(projectId, name, query);
  }

  @Get('diff')
  @RequireScope('workflows:read')
  @Documented({
    id: 'diffWorkflow',
    tag: 'Workflows',
    summary: 'List the differences between two versions of a saved workflow',
    description: 'Nodes and edges are matched by their id, not by their position in the list.',
    status: 200,
    params: PARAMS,
    query: DiffWorkflow,
    response: WorkflowDiff,
    examples: { prompt: { value: EXAMPLE_DIFF } },
    errors: ['not_found'],
  })
  async diff(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WorkflowName }) name: string,
    @Query({ schema: DiffWorkflow }) { from, to }: DiffWorkflow,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WorkflowDiff> {
    checkProject(principal, projectId);
    const [before, after] = await Promise.all([
      this.store.get(projectId, name, String(from)),
      this.store.get(projectId, name, String(to)),
    ]);
    return diffOf(before, after);
  }

  @Delete('versions/:version')
  @RequireScope('workflows:write')
  @Documented({
    id: 'deleteWorkflowVersion',
    tag: 'Workflows',
    summary: 'Delete one version of a saved workflow',
    description:
      'Executions that run it continue. A version to which an alias points cannot be deleted. The workflow is deleted with its last version.',
    status: 204,
    params: { ...PARAMS, version: VersionParam },
    errors: ['not_found', 'alias_in_use'],
  })
  removeVersion(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WorkflowName }) name: string,
    @Param('version', { schema: VersionParam }) version: number,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    checkProject(principal, projectId);
    return this.store.removeVersion(projectId, name, version);
  }

  @Put('aliases/:alias')
  @RequireScope('workflows:write')
  @Documented({
    id: 'setWorkflowAlias',
    tag: 'Workflows',
    summary: 'Point an alias, such as production, to a version',
    description: 'Executions that have started keep their version. Those that start later use the new one.',
    status: 200,
    params: { ...PARAMS, alias: AliasName },
    body: { schema: SetAlias, required: true, examples: { second: { value: { version: 2 } } } },
    response: WorkflowAlias,
    examples: { production: { value: { name: 'production', version: 2 } } },
    errors: ['not_found', 'too_many_aliases'],
  })
  async setAlias(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WorkflowName }) name: string,
    @Param('alias', { schema: AliasName }) alias: string,
    @Body({ schema: SetAlias }) { version }: SetAlias,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WorkflowAlias> {
    checkProject(principal, projectId);
    await this.store.setAlias(projectId, name, alias, version);
    return { name: alias, version };
  }

  @Delete('aliases/:alias')
  @RequireScope('workflows:write')
  @Documented({
    id: 'deleteWorkflowAlias',
    tag: 'Workflows',
    summary: 'Delete an alias',
    description: 'The version to which it points stays.',
    status: 204,
    params: { ...PARAMS, alias: AliasName },
    errors: ['not_found'],
  })
  removeAlias(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WorkflowName }) name: string,
    @Param('alias', { schema: AliasName }) alias: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    checkProject(principal, projectId);
    return this.store.removeAlias(projectId, name, alias);
  }
}
