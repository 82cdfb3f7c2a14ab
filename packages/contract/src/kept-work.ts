import type { ExecutionEventOf } from './events.js';

/**
 * Finds which events of a node stay valid when the node runs again. A step that ends as `retrying` keeps its events up to
 * `keptThrough`, and the step with `continues` follows them. Create one for each execution, and pass it every
 * `execution:step` event in order.
 *
 * @example
 * const keptWork = new KeptWork();
 * let chunks: ExecutionEventOf<'execution:output'>[] = [];
 * for await (const event of client.executions.stream(id)) {
 *   if (event.type === 'execution:output') chunks.push(event);
 *   if (event.type !== 'execution:step') continue;
 *   const through = keptWork.validThrough(event);
 *   chunks = chunks.filter(({ nodeId, sequence }) => nodeId !== event.nodeId || sequence <= through);
 * }
 */
export class KeptWork {
  /** For each step, the sequence up to which the events before it are part of its work. */
  private readonly starts = new Map<string, number>();
  /** For each step that has kept work, `keptThrough`. */
  private readonly kept = new Map<string, number>();

  /**
   * Returns the sequence up to which the earlier events of the step's node stay valid; `Infinity` if all do. Drop the output,
   * the thinking, the tool calls and the results that the node has recorded after it.
   */
  validThrough({ stepId, status, continues, keptThrough }: ExecutionEventOf<'execution:step'>): number {
    const known = this.starts.get(stepId);
    const start = known ?? (continues === undefined ? 0 : (this.kept.get(continues) ?? 0));
    this.starts.set(stepId, start);
    if (status !== 'retrying') return known === undefined ? start : Infinity;
    if (keptThrough === undefined) return start;
    const through = Math.max(start, keptThrough);
    this.kept.set(stepId, through);
    return through;
  }
}
