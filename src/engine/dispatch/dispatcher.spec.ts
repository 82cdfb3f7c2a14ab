import { Subject } from 'rxjs';
import type { DeathDetector } from '../../cluster/death-detector.js';
import type { ProcessPresence } from '../../cluster/process-presence.js';
import { parseSettings } from '../../config/settings.js';
import type { Journal } from '../../journal/journal.js';
import type { ExecutionEngine, RunOutcome } from '../execution-engine.js';
import type { ExecutionRow } from '../execution-row.js';
import type { ChildrenProgress } from '../children/children-progress.js';
import type { ControlNotifier } from './control-notifier.js';
import type { DispatchNotifier } from './dispatch-notifier.js';
import type { WaitSettlement } from '../waits/wait-settlement.js';
import { Dispatcher } from './dispatcher.js';
import type { ExecutionQueue } from './execution-queue.js';

/** An engine that ignores requests for executions that it does not run yet, as GraphEngine does. */
class RecordingEngine implements ExecutionEngine {
  readonly applied: string[] = [];
  readonly end = Promise.withResolvers<RunOutcome>();
  private readonly running = new Set<string>();

  run(row: ExecutionRow): Promise<RunOutcome> {
    this.running.add(row.id);
    return this.end.promise;
  }

  applyControl(executionIds: readonly string[]): Promise<void> {
    this.applied.push(...executionIds.filter((id) => this.running.has(id)));
    return Promise.resolve();
  }

  committedSequence(): undefined {
    return undefined;
  }
}

describe('Dispatcher', () => {
  it('applies a control request whose notification arrives before the answer of the claim', async () => {
    const controls = new Subject<string>();
    const claimed = Promise.withResolvers<{
      rows: ExecutionRow[];
      hasMore: boolean;
      hasLocked: boolean;
      nextInMs: null;
    }>();
    const claiming = Promise.withResolvers<void>();
    const engine = new RecordingEngine();
    // What the dispatcher calls in this case: the database and the other processes play no part in it.
    const queue = {
      claim: () => {
        claiming.resolve();
        return claimed.promise;
      },
      sweep: () => Promise.resolve(0),
      cancellable: () => Promise.resolve([]),
    };
    const dispatcher = new Dispatcher(
      { returned: new Subject() } as unknown as ProcessPresence,
      { dead: new Subject(), check: () => Promise.resolve() } as unknown as DeathDetector,
      queue as unknown as ExecutionQueue,
      {
        queued: new Subject(),
        start: () => Promise.resolve(),
        notify: () => undefined,
      } as unknown as DispatchNotifier,
      { listen: () => Promise.resolve(controls) } as unknown as ControlNotifier,
      {} as Journal,
      { woken: new Subject() } as unknown as WaitSettlement,
      {} as ChildrenProgress,
      engine,
      parseSettings({}),
    );
    await dispatcher.onApplicationBootstrap();
    await claiming.promise;
    controls.next('one');
    claimed.resolve({
      rows: [{ id: 'one', attempt: 1 } as ExecutionRow],
      hasMore: false,
      hasLocked: false,
      nextInMs: null,
    });
    await new Promise(setImmediate);
    expect(engine.applied).toEqual(['one']);
    engine.end.resolve('ended');
    await dispatcher.beforeApplicationShutdown();
  });
});
