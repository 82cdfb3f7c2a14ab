import type { ExecutionFailure, Json } from '@cloutagent/contract';
import type { ApprovalDecision } from '../engine/extension/node-handler.js';
import type { ChildrenRequest, ChildResult, WaitRequest, WaitResult } from '../engine/extension/waiting.js';
import { checkKey, wantedWait } from '../engine/run/node-waits.js';
import { checkNumbers, invalid } from '../engine/run/wait-requests.js';

/** How a wait ends in a test. Members that are left out have defaults: `by` is `key:test`, all others are null. */
export type TestWait =
  | { outcome: 'expired' | 'fired' }
  | { outcome: 'signalled'; body: Json; by?: string }
  | { outcome: 'answered'; approved: boolean; by?: string; comment?: string | null; values?: Json }
  | { outcome: 'answered'; action: 'approve' | 'deny'; args?: Json; by?: string; reason?: string | null };

/** How a child execution ends in a test: completed with its output, or failed. */
export type TestChild = { output: Json } | { error: ExecutionFailure };

export interface TestWaitAnswers {
  /** How the waits of `waitFor` end: by key, or in the order in which the node begins them. */
  waits?: Readonly<Record<string, TestWait>> | readonly TestWait[];
  /** Answers to the node's `decision()`; `waits` may have them too, as answers of the key `approval`. */
  decisions?: readonly (Pick<ApprovalDecision, 'approved'> & Partial<ApprovalDecision>)[];
  /** How the children of `runChildren` end: by the key of the request, in the order of their indexes. */
  children?: Readonly<Record<string, readonly TestChild[]>>;
}

const CHILD_ID = '0199c0de-0000-7000-8000-0000000001';

/**
 * The waits of one node in a test. As in the server, a call whose wait has ended returns, and any other one lets the node
 * stand still: then the handler is called again.
 */
export class TestWaits {
  private readonly ended = new Map<string, unknown>();
  private readonly inOrder: Iterator<TestWait>;
  private readonly decisions: Iterator<NonNullable<TestWaitAnswers['decisions']>[number]>;
  private suspended = Promise.withResolvers<void>();
  private begun = new Set<string>();

  constructor(private readonly answers: TestWaitAnswers) {
    this.inOrder = (Array.isArray(answers.waits) ? (answers.waits as TestWait[]) : []).values();
    this.decisions = (answers.decisions ?? []).values();
  }

  /** Whether a wait has ended, so that this call of the handler is not the first one. */
  get isResumed(): boolean {
    return this.ended.size > 0;
  }

  /** Begins a call of the handler. @returns a promise that resolves when the node stands still */
  beginCall(): Promise<void> {
    this.suspended = Promise.withResolvers();
    this.begun = new Set();
    return this.suspended.promise;
  }

  async waitFor<Kind extends WaitRequest['kind']>(
    request: Extract<WaitRequest, { kind: Kind }>,
  ): Promise<WaitResult<Kind>> {
    const { key, kind } = wantedWait(request);
    if (this.ended.has(key)) return this.ended.get(key) as WaitResult<Kind>;
    return this.stand(key, resultOf(request, this.answerTo(key, kind)));
  }

  async runChildren(request: ChildrenRequest): Promise<ChildResult[]> {
    const { key, inputs, firstIndex = 0 } = request;
    checkKey(key);
    checkNumbers(request);
    if (inputs.length === 0) return [];
    if (this.ended.has(key)) return this.ended.get(key) as ChildResult[];
    const children = this.answers.children?.[key];
    if (children?.length !== inputs.length)
      throw new Error(
        `The node runs ${inputs.length} children with the key ${key}, and testRun has ${children?.length ?? 'no'} results for them: pass them in \`children\`.`,
      );
    const results = children.map((child, at): ChildResult => {
      const identity = { executionId: CHILD_ID + String(at).padStart(2, '0'), index: firstIndex + at };
      return 'output' in child
        ? { ...identity, status: 'completed', output: child.output }
        : { ...identity, status: 'failed', error: child.error };
    });
    return this.stand(key, results);
  }

  /** Returns the completed child with the highest index. */
  lastCompletedChild(): { index: number; output: Json } | undefined {
    const completed = this.endedChildren
      .filter(({ status }) => status === 'completed')
      .toSorted((one, other) => one.index - other.index);
    const last = completed.at(-1);
    return last && { index: last.index, output: last.output ?? null };
  }

  private get endedChildren(): ChildResult[] {
    return [...this.ended.values()].flatMap((ended) =>
      Array.isArray(ended) ? (ended as ChildResult[]) : [],
    );
  }

  /** Stores how a wait ends, and never returns: the handler is called again. */
  private stand(key: string, result: unknown): Promise<never> {
    if (this.begun.has(key)) throw invalid(`two waits have the key ${key}; give each one a key of its own`);
    this.begun.add(key);
    // All calls of this turn of the event loop begin together.
    setImmediate(() => {
      this.ended.set(key, result);
      this.suspended.resolve();
    });
    return new Promise(() => undefined);
  }

  private answerTo(key: string, kind: string): TestWait {
    const { waits } = this.answers;
    const named = waits && !Array.isArray(waits) ? (waits as Record<string, TestWait>)[key] : undefined;
    const answer = named ?? (this.inOrder.next().value as TestWait | undefined);
    if (answer) return answer;
    const decision = kind === 'approval' ? this.decisions.next() : undefined;
    if (decision?.done === false) return { outcome: 'answered', ...decision.value };
    const option = kind === 'approval' ? '`waits` or `decisions`' : '`waits`';
    throw new Error(
      `The node waits (kind ${kind}, key ${key}), and testRun has no answer for it: pass it in ${option}.`,
    );
  }
}

/** @throws Error if a wait of this kind cannot end in this way */
function resultOf(request: WaitRequest, answer: TestWait): WaitResult {
  const { kind } = request;
  const by = ('by' in answer ? answer.by : undefined) ?? 'key:test';
  if (answer.outcome === 'expired' && kind !== 'timer') return { outcome: 'expired' };
  if (answer.outcome === 'fired' && kind === 'timer') return { outcome: 'fired' };
  if (answer.outcome === 'signalled' && kind === 'signal')
    return { outcome: 'signalled', body: answer.body, by };
  if (answer.outcome === 'answered' && 'approved' in answer && kind === 'approval') {
    const { approved, comment = null, values = null } = answer;
    return { outcome: 'answered', approved, by, comment, values };
  }
  if (answer.outcome === 'answered' && 'action' in answer && kind === 'tool') {
    const { action, args = request.toolArgs, reason = null } = answer;
    return action === 'approve'
      ? { outcome: 'answered', action, args, by, reason }
      : { outcome: 'answered', action, by, reason };
  }
  throw new Error(`A wait of kind ${kind} cannot end with ${JSON.stringify(answer)}.`);
}
