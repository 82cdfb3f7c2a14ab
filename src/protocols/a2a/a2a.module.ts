import { Module, type OnModuleInit } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { DefinitionsModule } from '../../definitions/definitions.module.js';
import { ExtensionModule } from '../../engine/extension/extension.module.js';
import { ExecutionsModule } from '../../executions/executions.module.js';
import { JournalModule } from '../../journal/journal.module.js';
import { ProblemFormsModule } from '../../problems/problem-forms.module.js';
import { ProblemForms } from '../../problems/problem-forms.js';
import { StreamQuotaModule } from '../../throttling/stream-quota.module.js';
import { WaitsModule } from '../../waits/waits.module.js';
import { A2aFormat } from './a2a.format.js';
import { AgentCardController } from './agent-card.controller.js';
import { AgentCards } from './agent-cards.js';
import { a2aForm } from './error-form.js';
import { JsonRpcController } from './json-rpc.controller.js';
import { PushNotificationsController, RestController } from './rest.controller.js';
import { TaskControl } from './task-control.js';
import { TaskListRepository } from './task-list.repository.js';
import { TaskReader } from './task-reader.js';
import { TaskSender } from './task-sender.js';

/** Saved workflows as agents of the Agent2Agent protocol (A2A) 1.0. */
@Module({
  imports: [
    AuthModule,
    DefinitionsModule,
    ExecutionsModule,
    ExtensionModule,
    JournalModule,
    ProblemFormsModule,
    StreamQuotaModule,
    WaitsModule,
  ],
  controllers: [AgentCardController, PushNotificationsController, RestController, JsonRpcController],
  providers: [A2aFormat, AgentCards, TaskControl, TaskListRepository, TaskReader, TaskSender],
})
export class A2aModule implements OnModuleInit {
  constructor(private readonly forms: ProblemForms) {}

  onModuleInit(): void {
    this.forms.add('/api/a2a/', a2aForm);
  }
}
