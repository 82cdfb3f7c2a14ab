import type pg from 'pg';

/** Ends of children between the first checks of a parent. */
const FIRST_STEP = 16;
/** Parents whose ends are counted. */
const MAX_PARENTS = 10_000;

/**
 * Checks the size of the outputs of children together while they end, so that a node whose output would be too large does
 * not run all of them. The check reads all outputs, so it runs again only when the number of ends has grown by half.
 */
export class OutputSizes {
  /** By parent: ends in this process, and at how many the next check is due. */
  private readonly ends = new Map<string, { count: number; next: number }>();

  constructor(private readonly maxBytes: number) {}

  onEnd(parentId: string): void {
    const before = this.ends.get(parentId) ?? { count: 0, next: FIRST_STEP };
    this.ends.delete(parentId);
    this.ends.set(parentId, { ...before, count: before.count + 1 });
    if (this.ends.size > MAX_PARENTS) this.ends.delete(this.ends.keys().next().value!);
  }

  forget(parentId: string): void {
    this.ends.delete(parentId);
  }

  /** Returns whether the outputs are too large together, as far as it was checked. */
  async isExceeded(client: pg.PoolClient, wait: { parentId: string; waitId: string }): Promise<boolean> {
    const known = this.ends.get(wait.parentId);
    if (!known || known.count < known.next) return false;
    const { rows } = await client.query<{ bytes: number }>({
      name: 'wait-output-bytes',
      text: `SELECT coalesce(sum(octet_length(output::text)), 0)::float8 AS bytes FROM cloutagent.executions
             WHERE parent_wait_id = $1 AND status = 'completed'`,
      values: [wait.waitId],
    });
    const isExceeded = rows[0]!.bytes > this.maxBytes;
    // Stays due until the others are cancelled.
    if (!isExceeded) known.next = Math.ceil(known.count * 1.5);
    return isExceeded;
  }
}
