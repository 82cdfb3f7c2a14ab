import { Controller, Get, Param, Req } from '@nestjs/common';
import type { Request } from 'express';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { AgentCards } from './agent-cards.js';
import { AGENT_PARAMS, AgentCardSchema, STATUS_FORM, VersionQuery } from './documented-schemas.js';
import { EXAMPLE_CARD } from './examples.js';

/** The card of an agent, which clients read before they know a version of the protocol. */
@Controller('api/a2a/:projectId/:name/.well-known')
export class AgentCardController {
  constructor(private readonly cards: AgentCards) {}

  @Get('agent-card.json')
  @RequireScope('workflows:read')
  @Documented({
    id: 'getAgentCard',
    tag: 'Protocols',
    summary: 'Get the card of a saved workflow as an A2A agent',
    description:
      'Says what the agent does and where it is called. `name` may have a version or an alias: `chat@3`, `chat@production`.',
    status: 200,
    query: VersionQuery,
    params: AGENT_PARAMS,
    errorForm: STATUS_FORM,
    response: AgentCardSchema,
    examples: { card: { value: EXAMPLE_CARD } },
    errors: ['not_found'],
  })
  get(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
  ): Promise<object> {
    return this.cards.get({ projectId, ref }, principal, request);
  }
}
