import { Body, Controller, Delete, Get, Inject, Param, Put, Query } from '@nestjs/common';
import { ListValues, ProjectId, PutVariable, ValueName, Variable, VariableList } from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { ValidationFailedError } from '../../problems/problem.error.js';
import { VariableStore } from '../../secrets/variable-store.js';
import { assertOwnsProject } from './owned-project.js';

const EXAMPLE: Variable = {
  projectId: 'demo',
  name: 'CRM_URL',
  value: 'https://api.example.com',
  createdAt: '2026-11-23T18:00:00.000Z',
  updatedAt: '2026-11-23T18:30:00.000Z',
  updatedBy: 'key:0199c0de-0000-7000-8000-000000000002',
};
const PARAMS = { projectId: ProjectId, name: ValueName };

/** Sets and lists variables. */
@Controller('api/variables')
@RequireScope('workflows:read')
export class VariablesController {
  constructor(
    private readonly variables: VariableStore,
    @Inject(Settings) private readonly settings: Pick<Settings, 'VARIABLE_MAX_BYTES'>,
  ) {}

  @Get()
  @Documented({
    id: 'listVariables',
    tag: 'Variables',
    summary: 'List the variables of a project',
    description: 'Variables are plain values. Use a secret for what must not be shown.',
    status: 200,
    query: ListValues,
    response: VariableList,
    examples: { one: { value: { variables: [EXAMPLE] } } },
    errors: ['not_found'],
  })
  async list(
    @Query({ schema: ListValues }) { projectId }: ListValues,
    @CurrentPrincipal() principal: Principal,
  ): Promise<VariableList> {
    assertOwnsProject(principal, projectId);
    return { variables: await this.variables.list(projectId) };
  }

  @Get(':projectId/:name')
  @Documented({
    id: 'getVariable',
    tag: 'Variables',
    summary: 'Show a variable',
    description: 'Shows its value, and who set it.',
    status: 200,
    params: PARAMS,
    response: Variable,
    examples: { url: { value: EXAMPLE } },
    errors: ['validation_failed', 'not_found'],
  })
  get(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ValueName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Variable> {
    assertOwnsProject(principal, projectId);
    return this.variables.get(projectId, name);
  }

  @Put(':projectId/:name')
  @RequireScope('workflows:write')
  @Documented({
    id: 'putVariable',
    tag: 'Variables',
    summary: 'Set a variable',
    description:
      'Workflows of the project use it as `{{vars.NAME}}`, or a part of it as `{{vars.NAME.member}}`. Nodes that start later get the ' +
      'new value. The value, as JSON, may have VARIABLE_MAX_BYTES.',
    status: 200,
    params: PARAMS,
    body: {
      schema: PutVariable,
      required: true,
      examples: { url: { value: { value: 'https://api.example.com' } } },
    },
    response: Variable,
    examples: { url: { value: EXAMPLE } },
    errors: ['not_found', 'too_many_values'],
  })
  async put(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ValueName }) name: string,
    @Body({ schema: PutVariable }) { value }: PutVariable,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Variable> {
    assertOwnsProject(principal, projectId);
    const { VARIABLE_MAX_BYTES: max } = this.settings;
    if (Buffer.byteLength(JSON.stringify(value)) > max)
      throw new ValidationFailedError([
        {
          path: 'value',
          message: `has more than ${max} bytes as JSON (VARIABLE_MAX_BYTES): use a smaller value`,
        },
      ]);
    return this.variables.set(projectId, name, value, principal.id);
  }

  @Delete(':projectId/:name')
  @RequireScope('workflows:write')
  @Documented({
    id: 'deleteVariable',
    tag: 'Variables',
    summary: 'Delete a variable',
    description: 'Executions that refer to it fail as `missing_value` when they next need it.',
    status: 204,
    params: PARAMS,
    errors: ['validation_failed', 'not_found'],
  })
  async delete(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ValueName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    assertOwnsProject(principal, projectId);
    await this.variables.delete(projectId, name);
  }
}
