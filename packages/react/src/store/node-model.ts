import type { Step } from '@cloutagent/contract';
import type { NodeView } from './snapshot.js';
import { TextLog, TextView } from './text-log.js';

/** The texts of a node's steps. They are kept separately, so that the text of a retried step can be dropped. */
class StepTexts {
  private readonly logs = new Map<string, TextLog>();

  append(stepId: string, chunk: string): void {
    let log = this.logs.get(stepId);
    if (!log) this.logs.set(stepId, (log = new TextLog()));
    log.append(chunk);
  }

  drop(stepId: string): void {
    this.logs.delete(stepId);
  }

  view(): TextView {
    if (this.logs.size === 0) return TextView.EMPTY;
    return TextView.join([...this.logs.values()].map((log) => log.view()));
  }
}

/** The state of one node: its latest step, its output and its thinking. */
export class NodeModel {
  private readonly output = new StepTexts();
  private readonly thinking = new StepTexts();
  private step: Step | undefined;
  private current: NodeView | undefined;

  constructor(private readonly nodeId: string) {}

  append(kind: 'output' | 'thinking', stepId: string, chunk: string): void {
    this.current = undefined;
    this[kind].append(stepId, chunk);
  }

  /** Sets the latest step. Drops the texts of a step that is retried. */
  setStep(step: Step): void {
    this.current = undefined;
    this.step = step;
    if (step.status !== 'retrying') return;
    this.output.drop(step.stepId);
    this.thinking.drop(step.stepId);
  }

  view(): NodeView {
    this.current ??= {
      nodeId: this.nodeId,
      step: this.step,
      output: this.output.view(),
      thinking: this.thinking.view(),
    };
    return this.current;
  }
}
