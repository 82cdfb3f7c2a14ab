import { Inject, Injectable } from '@nestjs/common';
import type { EventDraft, EventFields, ExecutionState, StepStatus } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import { NodeRegistry } from '../extension/node-registry.js';
import { sumUSD } from '../../common/usd.js';

/** The usage of one model. */
export interface ModelUse {
  input: number;
  output: number;
  /** Those of `input` that a provider read from its cache, or wrote to it. */
  cached: { read: number; written: number };
  /** Those of `output` that are reasoning. */
  reasoning: number;
  /** Counts only calls whose price is known. */
  costUSD: number;
}

/** Counts what the executions of this process have done since it started. Plain numbers; `/metrics` reads them. */
@Injectable()
export class EngineStats {
  /** Steps that have ended, by node type and status. Types without a handler count as `other`. */
  readonly steps = new Map<string, Map<StepStatus, number>>();
  /** Usage by model. Workflows may name any number of models: those beyond MAX_METRICS_MODELS count as `other`. */
  readonly models = new Map<string, ModelUse>();
  /** Executions that this process took over from an earlier owner. */
  takeovers = 0;

  constructor(
    private readonly registry: NodeRegistry,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_METRICS_MODELS'>,
  ) {}

  /**
   * Counts an event.
   * @param before the state of the execution before the event
   */
  record(draft: EventDraft, before: ExecutionState): void {
    switch (draft.type) {
      case 'execution:started':
        if (draft.fields.attempt > 1) this.takeovers += 1;
        break;
      case 'execution:step':
        if (isWork(draft.fields)) this.countStep(draft.fields.nodeType, draft.fields.status);
        break;
      case 'execution:token-usage': {
        // The process that runs the child counts its calls.
        if (draft.fields.ofChildren) break;
        const use = this.useOf(draft.fields.model);
        use.input += draft.fields.usage.input - before.tokenUsage.input;
        use.output += draft.fields.usage.output - before.tokenUsage.output;
        use.cached.read += draft.fields.call?.cached?.read ?? 0;
        use.cached.written += draft.fields.call?.cached?.written ?? 0;
        use.reasoning += draft.fields.call?.reasoning ?? 0;
        break;
      }
      case 'execution:cost-update':
        if (draft.fields.ofChildren) break;
        for (const [model, { costUSD }] of Object.entries(draft.fields.modelUsage)) {
          const known = Object.hasOwn(before.modelUsage, model) ? before.modelUsage[model]?.costUSD : 0;
          const added = sumUSD([costUSD ?? 0, -(known ?? 0)]);
          const use = this.useOf(model);
          if (added > 0) use.costUSD = sumUSD([use.costUSD, added]);
        }
        break;
      default:
        break;
    }
  }

  private countStep(nodeType: string, status: StepStatus): void {
    const type = this.registry.find(nodeType) ? nodeType : 'other';
    let results = this.steps.get(type);
    if (!results) this.steps.set(type, (results = new Map()));
    results.set(status, (results.get(status) ?? 0) + 1);
  }

  private useOf(model: string): ModelUse {
    const isFull = this.models.size >= this.settings.MAX_METRICS_MODELS;
    const name = isFull && !this.models.has(model) ? 'other' : model;
    let use = this.models.get(name);
    if (!use) {
      use = { input: 0, output: 0, cached: { read: 0, written: 0 }, reasoning: 0, costUSD: 0 };
      this.models.set(name, use);
    }
    return use;
  }
}

/** Whether a step has ended by work of this process: nodes that were skipped, or that a re-run keeps, did not run. */
const isWork = ({ status, reusedFrom }: EventFields['execution:step']): boolean =>
  status !== 'running' && status !== 'waiting' && status !== 'skipped' && reusedFrom === undefined;
