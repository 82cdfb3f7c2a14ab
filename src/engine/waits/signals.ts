import { Injectable } from '@nestjs/common';

/** The signals of executions. */
@Injectable()
export class Signals {
  /** Ends the open signal waits of an execution for which a signal is kept. */
  async matchKept(_executionId: string): Promise<void> {}
}
