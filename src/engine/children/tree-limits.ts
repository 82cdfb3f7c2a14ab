import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { NodeError } from '../extension/node-handler.js';

/**
 * Which part of the free places this process uses before it counts again. Other processes may add children of the same
 * tree at the same time, so it does not use all of them on one count.
 */
const COUNT_SHARE = 1 / 16;
/** Trees whose number of children this process remembers. */
const MAX_TREES = 10_000;

/** Limits the number of child executions in a tree, and how deep they are nested. */
@Injectable()
export class TreeLimits {
  /** By root: children at the last count, and those that this process has added since. */
  private readonly known = new Map<string, { counted: number; added: number }>();
  /** The last call of `add` for each tree that is being counted: the calls of one tree follow each other. */
  private readonly adding = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_CHILD_DEPTH' | 'MAX_CHILDREN'>,
  ) {}

  /**
   * Checks the depth of children.
   * @throws NodeError `too_deep`
   */
  checkDepth(depth: number): void {
    const { MAX_CHILD_DEPTH: limit } = this.settings;
    if (depth > limit)
      throw new NodeError(
        'too_deep',
        `The child executions would be nested ${depth} levels deep; the limit is ${limit} (MAX_CHILD_DEPTH). Check whether the workflow starts itself.`,
      );
  }

  /**
   * Checks a number of children by itself, at no cost.
   * @throws NodeError `too_many_children`
   */
  checkCount(children: number): void {
    const { MAX_CHILDREN: limit } = this.settings;
    if (children > limit) throw tooMany(children, limit);
  }

  /**
   * Adds children to a tree. A tree is counted seldom, because a loop adds its children one by one.
   * @throws NodeError `too_many_children`
   */
  async add(rootId: string, children: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.adding.get(rootId);
    this.adding.set(rootId, promise);
    try {
      await before;
      await this.addNext(rootId, children);
    } finally {
      resolve();
      if (this.adding.get(rootId) === promise) this.adding.delete(rootId);
    }
  }

  private async addNext(rootId: string, children: number): Promise<void> {
    const { MAX_CHILDREN: limit } = this.settings;
    const before = this.known.get(rootId);
    const isNear = !before || before.added + children > (limit - before.counted) * COUNT_SHARE;
    const tree = isNear ? { counted: await this.countWith(rootId, before), added: 0 } : before;
    const total = tree.counted + tree.added + children;
    if (total > limit) throw tooMany(total, limit);
    this.remember(rootId, { ...tree, added: tree.added + children });
  }

  /** Counts the children of a tree. Those that this process has added before may not be stored yet. */
  private async countWith(rootId: string, before = { counted: 0, added: 0 }): Promise<number> {
    return Math.max(await this.count(rootId), before.counted + before.added);
  }

  private async count(rootId: string): Promise<number> {
    const { rows } = await this.database.pool.query<{ children: number }>(
      'SELECT count(*)::int AS children FROM cloutagent.executions WHERE root_id = $1',
      [rootId],
    );
    return rows[0]!.children;
  }

  private remember(rootId: string, tree: { counted: number; added: number }): void {
    this.known.delete(rootId);
    this.known.set(rootId, tree);
    if (this.known.size > MAX_TREES) this.known.delete(this.known.keys().next().value!);
  }
}

const tooMany = (total: number, limit: number): NodeError =>
  new NodeError(
    'too_many_children',
    `The tree would have ${total} child executions; the limit is ${limit} (MAX_CHILDREN). Work on fewer items.`,
  );
