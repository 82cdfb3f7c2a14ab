import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Logger } from '../../logging/logger.js';
import { TreeControl } from '../children/tree-control.js';
import { ControlNotifier } from './control-notifier.js';
import { Dispatcher } from './dispatcher.js';

/** Passes on what the control of trees of executions changes: requests to the owners, and queued children to the queue. */
@Injectable()
export class TreeDispatch implements OnModuleInit {
  private readonly logger = new Logger(TreeDispatch.name);

  constructor(
    private readonly tree: TreeControl,
    private readonly controls: ControlNotifier,
    private readonly dispatcher: Dispatcher,
  ) {}

  onModuleInit(): void {
    this.tree.queued.subscribe(() => this.dispatcher.notifyQueued());
    this.tree.requested.subscribe((executionIds) => {
      for (const id of executionIds)
        this.controls
          .notify(id)
          // The owner finds the request at its next re-assertion.
          .catch((error: Error) => this.logger.warn(`an owner could not be notified: ${error.message}`));
    });
  }
}
