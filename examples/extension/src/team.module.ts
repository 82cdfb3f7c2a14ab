import { Module } from '@nestjs/common';
import { CardRedaction } from './card-redaction.interceptor.js';
import { Captions } from './captions.format.js';
import { CustomerTools } from './customer.tools.js';
import { CustomersController } from './customers.controller.js';
import { Failures } from './failures.listener.js';
import { FindCustomerNode } from './find-customer.node.js';
import { GatewayModels } from './gateway.models.js';
import { MtlsStrategy } from './mtls.strategy.js';
import { TeamDatabase } from './team-database.js';
import { TeamSettings } from './team-settings.js';
import { Webhook } from './webhook.listener.js';

/** Everything that the team adds to the server. The server finds the extensions by their decorators. */
@Module({
  controllers: [CustomersController],
  providers: [
    Captions,
    CardRedaction,
    CustomerTools,
    Failures,
    FindCustomerNode,
    GatewayModels,
    MtlsStrategy,
    TeamDatabase,
    TeamSettings,
    Webhook,
  ],
})
export class TeamModule {}
