import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { ClusterModule } from '../cluster/cluster.module.js';
import { ExecutionsModule } from '../executions/executions.module.js';
import { OperationAction } from './operation-action.js';
import { OperationList } from './operation-list.js';
import { OperationQueue } from './operation-queue.js';
import { OperationStarter } from './operation-starter.js';
import { OperationWorker } from './operation-worker.js';
import { OperationsController } from './operations.controller.js';
import { OperationsRepository } from './operations.repository.js';

/** Actions on many executions, carried out in the background. */
@Module({
  imports: [AuthModule, ClusterModule, ExecutionsModule],
  controllers: [OperationsController],
  providers: [
    OperationsRepository,
    OperationQueue,
    OperationAction,
    OperationWorker,
    OperationStarter,
    OperationList,
  ],
})
export class BulkModule {}
