import { Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { ClusterModule } from '../cluster/cluster.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { ChildrenProgress } from './children/children-progress.js';
import { TreeControl } from './children/tree-control.js';
import { TreeLimits } from './children/tree-limits.js';
import { ControlRequests } from './run/control-requests.js';
import { ControlNotifier } from './dispatch/control-notifier.js';
import { DispatchNotifier } from './dispatch/dispatch-notifier.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { TreeDispatch } from './dispatch/tree-dispatch.js';
import { ExecutionQueue } from './dispatch/execution-queue.js';
import { ChildExecutions } from './children/child-executions.js';
import { EngineStats } from './run/engine-stats.js';
import { EngineOption, ExecutionEngine } from './execution-engine.js';
import { GraphEngine } from './run/graph-engine.js';
import { ModelsModule } from './models/models.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { ExtensionModule } from './extension/extension.module.js';
import { AgentsModule } from './agents/agents.module.js';
import { UnhandledErrors } from './run/unhandled-errors.js';
import { Callbacks } from './waits/callbacks.js';
import { Signals } from './waits/signals.js';
import { WaitAnswers } from './waits/wait-answers.js';
import { WaitSettlement } from './waits/wait-settlement.js';
import { WaitTimers } from './waits/wait-timers.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { ProjectValues } from './run/project-values.js';
import { RoundRows } from './run/round-rows.js';
import { Takeover } from './run/takeover.js';
import { WorkflowChecksModule } from './validation/workflow-checks.module.js';

@Module({
  imports: [
    ClusterModule,
    JournalModule,
    MonitoringModule,
    ModelsModule,
    AgentsModule,
    ExtensionModule,
    WorkflowChecksModule,
    SecretsModule,
  ],
  providers: [
    ProjectValues,
    EngineStats,
    WaitSettlement,
    TreeLimits,
    TreeControl,
    ChildrenProgress,
    TreeDispatch,
    WaitTimers,
    WaitAnswers,
    Signals,
    Callbacks,
    ChildExecutions,
    UnhandledErrors,
    ControlRequests,
    RoundRows,
    Takeover,
    ExecutionQueue,
    DispatchNotifier,
    ControlNotifier,
    Dispatcher,
    {
      provide: ExecutionEngine,
      inject: [ModuleRef, { token: EngineOption, optional: true }],
      useFactory: (modules: ModuleRef, given?: EngineOption) => {
        const engine = given?.engine ?? GraphEngine;
        return typeof engine === 'function' ? modules.create(engine) : engine;
      },
    },
  ],
  exports: [
    ControlNotifier,
    EngineStats,
    ExecutionEngine,
    ExtensionModule,
    WorkflowChecksModule,
    Dispatcher,
    WaitSettlement,
    WaitAnswers,
    Signals,
    Callbacks,
    ChildExecutions,
    TreeControl,
    ChildrenProgress,
  ],
})
export class EngineModule {}
