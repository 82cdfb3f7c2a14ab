import type { Json } from '@cloutagent/contract';
import type { ChildrenRequest, ChildResult, WaitRequest, WaitResult } from '../extension/waiting.js';
import type { NodeScope } from './node-scope.js';
import type { RunningStep } from './step-events.js';
import { untilAnswered } from './until-answered.js';
import {
  checkKey,
  childrenWait,
  type KnownWait,
  type WantedWait,
  wantedWait,
  waitResult,
} from './node-waits.js';
import { checkedChildren, checkInputs, invalid, jsonBytes } from './wait-requests.js';

/** More waits than any node can use. */
const MAX_WAITS = 1_000;

/**
 * The waits of one call of a handler. Calls whose wait has ended return immediately. The others are collected until the end of
 * the event-loop turn, so that a node can begin several waits in one commit; then the node stands still.
 */
export class Suspension {
  private readonly wanted = new Map<string, WantedWait>();
  private readonly beginning = Promise.withResolvers<WantedWait[]>();
  private isScheduled = false;
  /** Number of calls of `runChildren` that are being prepared. */
  private preparing = 0;
  /** The first and the last index of the children that each key names, in this call of the handler. */
  private readonly ranges = new Map<string, [first: number, last: number]>();
  /** Resolves when the node stands still, with the waits that the handler wants. */
  readonly begun: Promise<WantedWait[]> = this.beginning.promise;

  /**
   * @param waits the waits of the node so far, by key
   * @param signal aborts when the handler must stop
   */
  constructor(
    private readonly scope: NodeScope,
    private readonly step: RunningStep,
    private readonly waits: ReadonlyMap<string, KnownWait>,
    private readonly signal: AbortSignal,
  ) {}

  async waitFor<Kind extends WaitRequest['kind']>(
    request: Extract<WaitRequest, { kind: Kind }>,
  ): Promise<WaitResult<Kind>> {
    this.signal.throwIfAborted();
    const wanted = wantedWait(request);
    const known = this.waits.get(wanted.key);
    if (known && known.kind !== wanted.kind)
      throw invalid(`the key ${wanted.key} belongs to a wait of the kind ${known.kind}; choose another one`);
    if (known?.outcome) return waitResult(known) as WaitResult<Kind>;
    if (!known) this.checkSize(wanted);
    return this.begin(wanted);
  }

  /** Returns how the wait with this key has ended; undefined if it is open, or has not begun. */
  ended(key: string): WaitResult<'tool'> | undefined {
    const known = this.waits.get(key);
    return known?.outcome ? (waitResult(known) as WaitResult<'tool'>) : undefined;
  }

  async runChildren(given: ChildrenRequest): Promise<ChildResult[]> {
    this.signal.throwIfAborted();
    checkKey(given.key);
    const { row, children, settings } = this.scope;
    const request = checkedChildren(given, settings);
    this.checkRange(request);
    const nodeId = this.step.node.id;
    const results = () => untilAnswered(() => children.results(row, nodeId, request), this.signal);
    const keys = this.keysOf(request);
    const open = keys.find((each) => this.waits.has(each) && !this.waits.get(each)!.outcome);
    if (open !== undefined) return this.begin({ key: open, kind: 'children', details: {} });
    const isDone = keys.slice(0, this.attemptsSinceFailure).some((each) => this.waits.has(each));
    if (isDone || request.inputs.length === 0) return results();
    const key = keys[0]!;
    children.checkCount(request.inputs.length);
    checkInputs(request.inputs);
    this.preparing += 1;
    const prepared = await untilAnswered(() => children.prepare(row, nodeId, request), this.signal).finally(
      () => (this.preparing -= 1),
    );
    this.signal.throwIfAborted();
    // A re-run may have kept all of them.
    if (prepared.children.length === 0) return results();
    return this.begin(childrenWait({ ...request, key }, prepared));
  }

  lastCompletedChild(): Promise<{ index: number; output: Json } | undefined> {
    this.signal.throwIfAborted();
    const { row, children } = this.scope;
    return untilAnswered(() => children.lastCompleted(row.id, this.step.node.id), this.signal);
  }

  /**
   * The stored keys of the wait, that of this attempt first. Each attempt has a key of its own, because a retry runs the
   * children again that did not complete.
   */
  private keysOf({ key }: ChildrenRequest): string[] {
    return Array.from({ length: this.step.attempt }, (_unused, index) =>
      index === this.step.attempt - 1 ? key : `$${this.step.attempt - index}:${key}`,
    );
  }

  /**
   * The number of attempts since the node last failed, with the present one. An attempt that the death of a process cut off
   * is no failure: the next one takes the results of its children as they are.
   */
  private get attemptsSinceFailure(): number {
    const failed = this.scope.log.state.steps
      .filter(({ nodeId, status, code }) => nodeId === this.step.node.id && status === 'retrying' && code)
      .map(({ attempt }) => attempt);
    return this.step.attempt - Math.max(0, ...failed);
  }

  /** @throws NodeError `invalid_wait` if the wait's row and event would be too large */
  private checkSize({ details }: WantedWait): void {
    const { OUTPUT_MAX_BYTES: limit } = this.scope.settings;
    if (jsonBytes('the wait', details) > limit)
      throw invalid(`its schema or toolArgs have more than ${limit} bytes (OUTPUT_MAX_BYTES)`);
  }

  /** @throws NodeError `invalid_wait` if other children of the node have the same index */
  private checkRange({ key, firstIndex = 0, inputs }: ChildrenRequest): void {
    const [first, last] = [firstIndex, firstIndex + inputs.length - 1];
    for (const [other, range] of this.ranges)
      if (other !== key && first <= range[1] && range[0] <= last)
        throw invalid(
          `the children with the keys ${other} and ${key} have the same index ${Math.max(first, range[0])}; give firstIndex`,
        );
    this.ranges.set(key, [first, last]);
  }

  /** Begins a wait, and stands still: the handler is called again when the wait ends. */
  private begin(wanted: WantedWait): Promise<never> {
    const { key } = wanted;
    if (this.wanted.has(key)) throw invalid(`two waits have the key ${key}; give each one a key of its own`);
    if (this.wanted.size >= MAX_WAITS) throw invalid(`a node may have at most ${MAX_WAITS} waits at once`);
    this.wanted.set(key, wanted);
    if (!this.isScheduled) {
      this.isScheduled = true;
      setImmediate(() => void this.suspend());
    }
    return new Promise((_resolve, reject) => {
      const { signal } = this;
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  private async suspend(): Promise<void> {
    const { pauseGate } = this.scope;
    try {
      while (!pauseGate.isOpen) await pauseGate.pass(this.signal);
      this.signal.throwIfAborted();
    } catch {
      return;
    }
    // Children of the same turn are still being prepared: they begin in the same commit.
    if (this.preparing > 0) setImmediate(() => void this.suspend());
    else this.beginning.resolve([...this.wanted.values()]);
  }
}
