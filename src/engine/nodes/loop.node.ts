import { type Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import {
  type ConfigCheck,
  type ConfigProblem,
  NodeError,
  type NodeRun,
  type NodeType,
} from '../extension/node-handler.js';
import {
  CHILD_WORKFLOW,
  checkChildWorkflow,
  hasOneWorkflow,
  ONE_WORKFLOW,
  outputOf,
} from './child-config.js';
import { ChildWorkflows } from './child-workflows.js';
import { Conditions } from './conditions.js';

const MAX_TURNS = 1_000_000;
const Condition = z.string().min(1).max(20_000).meta({ placeholders: 'none' });

const LoopConfig = z
  .strictObject({
    ...CHILD_WORKFLOW,
    /** The input of the first turn. Default: the input of the execution. */
    input: z.unknown().optional(),
    while: orNull(Condition).meta({
      description: 'Another turn follows while this JSONata expression is true.',
    }),
    until: orNull(Condition).meta({ description: 'No turn follows after this JSONata expression is true.' }),
    maxIterations: z.int().min(1).max(MAX_TURNS).meta({
      description: 'The node fails when it has run this many turns and another one would follow.',
    }),
  })
  .refine(hasOneWorkflow, ONE_WORKFLOW)
  .refine((config) => (config.while === undefined) !== (config.until === undefined), {
    path: ['until'],
    error: 'a loop has exactly one condition: either while or until',
  });
type LoopConfig = z.infer<typeof LoopConfig>;

/** The turns so far. */
interface Turns {
  /** Index of the next turn. */
  index: number;
  /** Output of the last turn; null if there is none. */
  output: Json;
}

/**
 * Runs a workflow again and again, each turn as a child execution, while or until a condition is true. The input of the
 * first turn is `input`, that of each further turn the output of the turn before. Output: that of the last turn; null if
 * there is none.
 */
@BuiltIn()
@NodeHandler('loop')
export class LoopNode implements NodeType<LoopConfig> {
  readonly config = LoopConfig;
  readonly verbatim = ['workflow', 'while', 'until'];

  constructor(
    private readonly conditions: Conditions,
    private readonly workflows: ChildWorkflows,
  ) {}

  async check(config: LoopConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    // Both begin before any of them ends, so that all expressions are parsed together.
    const [ofWorkflow, ...ofConditions] = await Promise.all([
      checkChildWorkflow(config, check),
      this.checkCondition('while', config.while, check),
      this.checkCondition('until', config.until, check),
    ]);
    return [...ofWorkflow, ...ofConditions.flat()];
  }

  async run(run: NodeRun<LoopConfig>): Promise<Json> {
    const { config } = run;
    const turn = await this.workflows.of(run);
    const input = config.input === undefined ? run.input : (config.input as Json);
    // The handler is called again after each turn. It continues after the last one, so that no call reads all turns.
    const last = await run.lastCompletedChild();
    const turns: Turns = last
      ? { index: last.index + 1, output: last.output ?? null }
      : { index: 0, output: null };
    while (!(await this.isDone(run, input, turns))) {
      const { index, output } = turns;
      if (index >= config.maxIterations)
        throw new NodeError(
          'loop_limit_reached',
          `The loop has run ${config.maxIterations} turns (maxIterations), and its condition has not ended it.`,
        );
      const inputs = [index === 0 ? input : output];
      await this.workflows.checkInputs(run, turn, inputs);
      const [child] = await run.runChildren({
        key: `turn-${index}`,
        workflow: turn.workflow,
        savedAs: turn.savedAs,
        inputs,
        firstIndex: index,
      });
      turns.output = outputOf(child!);
      turns.index += 1;
    }
    return turns.output;
  }

  private async checkCondition(
    name: 'while' | 'until',
    condition: string | undefined,
    check: ConfigCheck,
  ): Promise<ConfigProblem[]> {
    const problems = condition === undefined ? [] : await this.conditions.check(condition, check);
    return problems.map((problem) => ({ ...problem, path: [name] }));
  }

  /** Whether no turn follows. In the conditions, `index` is that of the next turn for `while`, of the last one for `until`. */
  private async isDone(run: NodeRun<LoopConfig>, input: Json, { index, output }: Turns): Promise<boolean> {
    const { config } = run;
    if (config.while !== undefined)
      return !(await this.holds(run, 'while', config.while, { input, output, index }));
    if (index === 0) return false;
    return this.holds(run, 'until', config.until!, { input, output, index: index - 1 });
  }

  /** @throws NodeError `condition_failed` */
  private async holds(
    run: NodeRun<LoopConfig>,
    name: 'while' | 'until',
    condition: string,
    values: { [key: string]: Json },
  ): Promise<boolean> {
    const { executionId, projectId, signal } = run;
    const nodes = Object.fromEntries(Object.entries(run.inputs).map(([id, output]) => [id, { output }]));
    const document = { ...values, nodes, execution: { id: executionId, projectId } };
    const [result] = await run.untimed(() =>
      this.conditions.evaluate(projectId, [condition], document, signal),
    );
    if ('value' in result!) return result.value;
    throw new NodeError('condition_failed', `The condition ${name} of the loop ${result!.error}.`);
  }
}
