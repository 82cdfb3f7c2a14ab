import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/engine.module.js';
import { ModelsModule } from '../engine/models/models.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { StreamingModule } from '../streaming/streaming.module.js';
import { ControlController } from './control.controller.js';
import { ExecutionsController } from './executions.controller.js';
import { ExecutionList } from './execution-list.js';
import { ExecutionsService } from './executions.service.js';
import { StreamAdmission } from './stream-admission.js';
import { StreamLookup } from './stream-lookup.js';
import { ManyLookup } from './many-lookup.js';
import { ManyStreamsController } from './many-streams.controller.js';
import { StreamsController } from './streams.controller.js';
import { WorkflowCheck } from './workflow-check.js';

@Module({
  imports: [EngineModule, JournalModule, ModelsModule, StreamingModule],
  // What comes first wins: `stream` is no execution's id.
  controllers: [ManyStreamsController, StreamsController, ExecutionsController, ControlController],
  providers: [ExecutionList, ExecutionsService, ManyLookup, StreamAdmission, StreamLookup, WorkflowCheck],
  exports: [ExecutionsService],
})
export class ExecutionsModule {}
