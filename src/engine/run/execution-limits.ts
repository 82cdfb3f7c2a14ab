import type { ExecutionFailure, ExecutionOptions } from '@cloutagent/contract';
import { storableText } from '../../common/storable-text.js';
import type { RowChange, TreeUsage } from '../../journal/row-change.js';
import type { ChildExecutions } from '../children/child-executions.js';
import type { ModelUsage } from '../extension/model-usage.js';
import type { ExecutionRow } from '../execution-row.js';
import type { ExecutionLog } from './execution-log.js';
import { untilAnswered } from './until-answered.js';
import { countedTokens } from '../models/token-count.js';
import { exceededLimit, type PriceOf, totalCostUSD, unknownCost } from './usage.js';

/** The limits of tokens and cost of an execution. In a tree of executions, the usage of the whole tree counts. */
export class ExecutionLimits {
  /** The root of the tree; undefined while the execution has neither a parent nor children. */
  private rootId: string | undefined;
  /** The limits of the tree, which the root has; undefined until they are read. */
  private ofTree: Promise<ExecutionOptions['limits']> | undefined;

  /** @param hasChildren whether it has started children before */
  constructor(
    private readonly row: ExecutionRow,
    private readonly log: ExecutionLog,
    private readonly children: ChildExecutions,
    private readonly priceOf: PriceOf,
    hasChildren: boolean,
    private readonly signal: AbortSignal,
  ) {
    this.rootId = row.root_id ?? (hasChildren ? row.id : undefined);
  }

  /** Makes the change that counts a model call towards the tree; undefined outside of a tree. */
  treeChange(model: string, usage: ModelUsage): RowChange | undefined {
    const { rootId } = this;
    if (rootId === undefined) return undefined;
    const tokens = countedTokens(usage);
    const { input, output } = tokens;
    const costUSD = this.priceOf(model, tokens);
    return { treeUsage: [{ rootId, model: storableText(model), input, output, costUSD }] };
  }

  /** Makes the change that begins the counter of a tree, when a root starts its first children. */
  beginTree(): RowChange {
    if (this.rootId !== undefined) return {};
    const rootId = this.row.id;
    this.rootId = rootId;
    const { modelUsage } = this.log.state;
    const treeUsage = Object.entries(modelUsage).map(([model, { input, output, costUSD }]): TreeUsage => ({
      rootId,
      model: storableText(model),
      input,
      output,
      costUSD,
    }));
    return { treeUsage };
  }

  /**
   * Returns the failure of an execution that has exceeded one of its limits; undefined if it has not.
   * @param next the model that is to be called. With a limit of cost its price must be known.
   */
  async exceeded(next?: string): Promise<ExecutionFailure | undefined> {
    const limits = await this.limits();
    if (!limits) return undefined;
    const isUnpriced = next !== undefined && this.priceOf(next, { input: 0, output: 0 }) === null;
    if (limits.maxCostUSD !== undefined && isUnpriced)
      return unknownCost(`The node wants to call ${next}, a model`);
    if (this.rootId === undefined) return exceededLimit(limits, this.log.state);
    const { rootId } = this;
    const used = await untilAnswered(() => this.children.treeUsage(rootId), this.signal);
    const total = used.reduce((sum, { input, output }) => sum + input + output, 0);
    const costUSD = totalCostUSD(
      used.flatMap(({ model, costUSD: known, unpriced }) =>
        unpriced.input + unpriced.output === 0
          ? [known]
          : [known, this.priceOf(model, unpriced, { isSum: true })],
      ),
    );
    return exceededLimit(limits, { tokenUsage: { total }, costUSD }, { isTree: true });
  }

  /** Only the root of a tree has limits. They do not change, so a child reads them once. */
  private async limits(): Promise<ExecutionOptions['limits']> {
    const { root_id: rootId, options } = this.row;
    if (rootId === null) return options.limits;
    this.ofTree ??= untilAnswered(() => this.children.treeLimits(rootId), this.signal);
    return this.ofTree;
  }
}
