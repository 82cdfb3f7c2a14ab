import { Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import { ListValues, ProjectId, PutSecret, Secret, SecretList, ValueName } from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { ValidationFailedError } from '../../problems/problem.error.js';
import { SecretStore } from '../../secrets/secret-store.js';
import { secretValueProblem } from '../../secrets/secret-value.js';
import { assertOwnsProject } from './owned-project.js';

const EXAMPLE: Secret = {
  projectId: 'demo',
  name: 'CRM_TOKEN',
  allowedHosts: ['api.example.com'],
  createdAt: '2026-11-23T18:00:00.000Z',
  updatedAt: '2026-11-23T18:30:00.000Z',
  updatedBy: 'key:0199c0de-0000-7000-8000-000000000002',
};
const PARAMS = { projectId: ProjectId, name: ValueName };

/** Sets and lists secrets. No route returns a value. */
@Controller('api/secrets')
@RequireScope('secrets:manage')
export class SecretsController {
  constructor(private readonly secrets: SecretStore) {}

  @Get()
  @Documented({
    id: 'listSecrets',
    tag: 'Secrets',
    summary: 'List the secrets of a project, without their values',
    description: 'No route returns the value of a secret.',
    status: 200,
    query: ListValues,
    response: SecretList,
    examples: { one: { value: { secrets: [EXAMPLE] } } },
    errors: ['not_found', 'secrets_unavailable'],
  })
  async list(
    @Query({ schema: ListValues }) { projectId }: ListValues,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SecretList> {
    assertOwnsProject(principal, projectId);
    return { secrets: await this.secrets.list(projectId) };
  }

  @Get(':projectId/:name')
  @Documented({
    id: 'getSecret',
    tag: 'Secrets',
    summary: 'Show a secret, without its value',
    description: 'No route returns the value of a secret.',
    status: 200,
    params: PARAMS,
    response: Secret,
    examples: { token: { value: EXAMPLE } },
    errors: ['validation_failed', 'not_found', 'secrets_unavailable'],
  })
  get(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ValueName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Secret> {
    assertOwnsProject(principal, projectId);
    return this.secrets.get(projectId, name);
  }

  @Put(':projectId/:name')
  @Documented({
    id: 'putSecret',
    tag: 'Secrets',
    summary: 'Set a secret',
    description:
      'Workflows of the project use it as `{{secrets.NAME}}` where a value leaves the server: in the url, the headers and the body ' +
      'of a request. Executions that wait use the new value. A value that ordinary texts contain, such as a word or a short number, ' +
      'is refused, because each value is redacted in all that executions record.',
    status: 200,
    params: PARAMS,
    body: {
      schema: PutSecret,
      required: true,
      examples: {
        token: { value: { value: 'crm_3d1f0c9a5b7e4826', allowedHosts: ['api.example.com'] } },
      },
    },
    response: Secret,
    examples: { token: { value: EXAMPLE } },
    errors: ['not_found', 'too_many_values', 'secrets_unavailable'],
  })
  async put(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ValueName }) name: string,
    @Body({ schema: PutSecret }) body: PutSecret,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Secret> {
    assertOwnsProject(principal, projectId);
    const message = secretValueProblem(body.value);
    if (message !== undefined) throw new ValidationFailedError([{ path: 'value', message }]);
    return this.secrets.set(projectId, name, body, principal.id);
  }

  @Delete(':projectId/:name')
  @Documented({
    id: 'deleteSecret',
    tag: 'Secrets',
    summary: 'Delete a secret',
    description:
      'Executions that refer to it fail as `missing_value` when they next need it. Its last value stays stored, encrypted, while ' +
      'there are executions that have used it, so that it stays redacted in them.',
    status: 204,
    params: PARAMS,
    errors: ['validation_failed', 'not_found', 'secrets_unavailable'],
  })
  async delete(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ValueName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    assertOwnsProject(principal, projectId);
    await this.secrets.delete(projectId, name);
  }
}
