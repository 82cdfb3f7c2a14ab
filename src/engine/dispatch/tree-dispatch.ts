import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DeathDetector } from '../../cluster/death-detector.js';
import { Logger } from '../../logging/logger.js';
import { TreeControl } from '../children/tree-control.js';
import { ControlNotifier } from './control-notifier.js';
import { DispatchNotifier } from './dispatch-notifier.js';
import { Dispatcher } from './dispatcher.js';

/**
 * How long this process leaves queued children to the others. Without it, the process on which a child ends would always
 * claim the next one, because its claim needs no notification, and one process would run all children.
 */
const SHARE_DELAY_MS = 5;

/** Passes on what the control of trees of executions changes: requests to the owners, and queued children to the queue. */
@Injectable()
export class TreeDispatch implements OnModuleInit {
  private readonly logger = new Logger(TreeDispatch.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly tree: TreeControl,
    private readonly controls: ControlNotifier,
    private readonly notifier: DispatchNotifier,
    private readonly detector: DeathDetector,
    private readonly dispatcher: Dispatcher,
  ) {}

  onModuleInit(): void {
    this.tree.queued.subscribe(() => this.onQueued());
    this.tree.requested.subscribe((executionIds) => {
      for (const id of executionIds)
        this.controls
          .notify(id)
          // The owner finds the request at its next re-assertion.
          .catch((error: Error) => this.logger.warn(`an owner could not be notified: ${error.message}`));
    });
  }

  private onQueued(): void {
    if (this.detector.isAlone) {
      this.dispatcher.notifyQueued();
      return;
    }
    this.notifier.notify();
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.dispatcher.notifyQueued();
    }, SHARE_DELAY_MS);
  }
}
