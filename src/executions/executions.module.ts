import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { ModelsModule } from '../engine/models/models.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { StreamingModule } from '../streaming/streaming.module.js';
import { StreamQuotaModule } from '../throttling/stream-quota.module.js';
import { ControlController } from './control.controller.js';
import { ExecutionsController } from './executions.controller.js';
import { ExecutionList } from './queries/execution-list.js';
import { ExecutionsService } from './executions.service.js';
import { StreamAdmission } from './streams/stream-admission.js';
import { ExecutionLookup } from './streams/execution-lookup.js';
import { MultiStreamResolver } from './streams/multi-stream-resolver.js';
import { MultiStreamsController } from './streams/multi-streams.controller.js';
import { StreamsController } from './streams/streams.controller.js';
import { WorkflowValidator } from './commands/workflow-validator.js';

@Module({
  imports: [AuthModule, EngineModule, JournalModule, ModelsModule, StreamingModule, StreamQuotaModule],
  // What comes first wins: `stream` is no execution's id.
  controllers: [MultiStreamsController, StreamsController, ExecutionsController, ControlController],
  providers: [
    ExecutionList,
    ExecutionsService,
    MultiStreamResolver,
    StreamAdmission,
    ExecutionLookup,
    WorkflowValidator,
  ],
  exports: [ExecutionsService],
})
export class ExecutionsModule {}
