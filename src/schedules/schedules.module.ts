import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DefinitionsModule } from '../definitions/definitions.module.js';
import { NodesModule } from '../engine/nodes/nodes.module.js';
import { ExecutionsModule } from '../executions/executions.module.js';
import { DueSchedules } from './due-schedules.js';
import { SecretStore } from '../secrets/secret-store.js';
import { OwnStarts } from './own-starts.js';
import { ScheduleTimer } from './schedule-timer.js';
import { SchedulesController } from './schedules.controller.js';
import { SchedulesRepository } from './schedules.repository.js';
import { SchedulesService } from './schedules.service.js';
import { HooksController } from './triggers/hooks.controller.js';
import { InputMapper } from './triggers/input-mapper.js';
import { TriggerSecrets } from './triggers/trigger-secrets.js';
import { TriggersController } from './triggers/triggers.controller.js';
import { TriggersRepository } from './triggers/triggers.repository.js';
import { TriggersService } from './triggers/triggers.service.js';
import { WebhookReceiver } from './triggers/webhook-receiver.js';

/** What starts saved workflows without a request of a caller: schedules, and webhooks of other services. */
@Module({
  imports: [AuthModule, DefinitionsModule, ExecutionsModule, NodesModule],
  controllers: [SchedulesController, TriggersController, HooksController],
  providers: [
    OwnStarts,
    SchedulesRepository,
    DueSchedules,
    ScheduleTimer,
    SchedulesService,
    TriggersRepository,
    InputMapper,
    TriggersService,
    WebhookReceiver,
    {
      provide: TriggerSecrets,
      inject: [SecretStore],
      useFactory: (store: SecretStore): TriggerSecrets => ({
        find: async (projectId, name) => (await store.find(projectId, [name]))[0]?.value,
      }),
    },
  ],
})
export class SchedulesModule {}
