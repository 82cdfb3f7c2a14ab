import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DefinitionsModule } from '../definitions/definitions.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { ModelsModule } from '../engine/models/models.module.js';
import { NodesModule } from '../engine/nodes/nodes.module.js';
import { EventsModule } from '../events/events.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { StreamingModule } from '../streaming/streaming.module.js';
import { ApprovalRecorder } from './commands/approval-recorder.js';
import { ExecutionControl } from './commands/execution-control.js';
import { ExecutionInserter } from './commands/execution-inserter.js';
import { InsertQueue } from './commands/insert-queue.js';
import { ExecutionStarter } from './commands/execution-starter.js';
import { StartPermission } from './commands/start-permission.js';
import { StartResolver } from './commands/start-resolver.js';
import { StreamQuotaModule } from '../throttling/stream-quota.module.js';
import { ControlController } from './control.controller.js';
import { DeletionController } from './deletion.controller.js';
import { ExecutionsController } from './executions.controller.js';
import { ExecutionsRepository } from './executions.repository.js';
import { EventPages } from './queries/event-pages.js';
import { ExecutionList } from './queries/execution-list.js';
import { ExecutionReader } from './queries/execution-reader.js';
import { ListedExecutionsRepository } from './queries/listed-executions.repository.js';
import { ExecutionRerunner } from './rerun/execution-rerunner.js';
import { KeptChildrenRepository } from './rerun/kept-children.repository.js';
import { KeptWorkReader } from './rerun/kept-work-reader.js';
import { RerunController } from './rerun/rerun.controller.js';
import { BatchStarter } from './starts/batch-starter.js';
import { ExecutionEnds } from './starts/execution-ends.js';
import { StartValidator } from './starts/start-validator.js';
import { StartsController } from './starts/starts.controller.js';
import { StreamStarter } from './starts/stream-starter.js';
import { WaitingStarter } from './starts/waiting-starter.js';
import { FormatReader } from './streams/format-reader.js';
import { FormatSessions } from './streams/format-sessions.js';
import { FormattedStreams } from './streams/formatted-streams.js';
import { ExecutionThreads } from './threads/execution-threads.js';
import { ExecutionLookup } from './streams/execution-lookup.js';
import { MultiStreamResolver } from './streams/multi-stream-resolver.js';
import { MultiStreamsController } from './streams/multi-streams.controller.js';
import { StreamAdmission } from './streams/stream-admission.js';
import { StreamMembersRepository } from './streams/stream-members.repository.js';
import { StreamResolver } from './streams/stream-resolver.js';
import { StreamsController } from './streams/streams.controller.js';

@Module({
  imports: [
    AuthModule,
    DefinitionsModule,
    EngineModule,
    EventsModule,
    JournalModule,
    ModelsModule,
    NodesModule,
    StreamingModule,
    StreamQuotaModule,
  ],
  // The first route that matches wins: `stream` is not an execution's id.
  controllers: [
    MultiStreamsController,
    StreamsController,
    StartsController,
    ExecutionsController,
    RerunController,
    ControlController,
    DeletionController,
  ],
  providers: [
    ExecutionsRepository,
    InsertQueue,
    ExecutionInserter,
    ExecutionStarter,
    StartPermission,
    StartResolver,
    KeptChildrenRepository,
    KeptWorkReader,
    ExecutionRerunner,
    ExecutionControl,
    ApprovalRecorder,
    ExecutionReader,
    ListedExecutionsRepository,
    ExecutionList,
    EventPages,
    ExecutionLookup,
    StreamResolver,
    StreamMembersRepository,
    MultiStreamResolver,
    StreamAdmission,
    ExecutionThreads,
    FormatSessions,
    FormattedStreams,
    FormatReader,
    ExecutionEnds,
    WaitingStarter,
    StreamStarter,
    StartValidator,
    BatchStarter,
  ],
  exports: [
    ExecutionStarter,
    ExecutionControl,
    ExecutionEnds,
    ExecutionRerunner,
    ApprovalRecorder,
    ExecutionReader,
    ExecutionList,
    ExecutionLookup,
    ExecutionThreads,
    FormatReader,
    FormattedStreams,
    StreamAdmission,
    StreamStarter,
  ],
})
export class ExecutionsModule {}
