import { Controller, Get } from '@nestjs/common';
import { Me } from '@cloutagent/contract';
import { Documented } from '../openapi/documented.decorator.js';
import { AllowAnyScope, CurrentPrincipal } from './access.decorators.js';
import type { Principal } from './principal.js';

const EXAMPLE_ME: Me = {
  id: 'key:0199c0de-0000-7000-8000-000000000002',
  name: 'ci',
  projects: ['demo'],
  scopes: ['executions:read', 'executions:write'],
  expiresAt: '2027-11-23T18:00:00.000Z',
};

/** Shows the caller's own principal, so that a user interface can offer only what the caller may do. */
@Controller('api/me')
@AllowAnyScope(true)
export class MeController {
  @Get()
  @Documented({
    id: 'getMe',
    tag: 'Keys',
    summary: 'Show your own identity, projects and scopes',
    description: 'Works with every valid credential, so that a program can offer only what its user may do.',
    status: 200,
    response: Me,
    examples: { me: { value: EXAMPLE_ME } },
  })
  me(@CurrentPrincipal() principal: Principal): Me {
    const { id, name, projects, scopes, workflows, expiresAt } = principal;
    return {
      id,
      name: name ?? null,
      projects: [...projects],
      scopes: [...scopes],
      ...(workflows && { workflows: [...workflows] }),
      expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    };
  }
}
