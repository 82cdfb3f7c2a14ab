import type { Json } from '@cloutagent/contract';
import {
  CurrentPrincipal,
  DeclaresScopes,
  NotFoundError,
  ownsProject,
  RequireScope,
} from '@cloutagent/server';
import type { Principal } from '@cloutagent/server';
import { Controller, Get, Param } from '@nestjs/common';
import { TeamDatabase } from './team-database.js';

@Controller('api/customers')
@DeclaresScopes({ 'customers:read': 'Read customers.' })
@RequireScope('customers:read')
export class CustomersController {
  constructor(private readonly database: TeamDatabase) {}

  /** Lists the customers of a project. Other callers do not learn whether the project exists. */
  @Get(':projectId')
  async list(
    @Param('projectId') projectId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<{ customers: Json }> {
    if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
    const sql = 'SELECT email, name FROM team.customers WHERE project_id = $1 ORDER BY email LIMIT 100';
    return { customers: await this.database.query(sql, [projectId]) };
  }
}
