import type { Step } from '@cloutagent/contract';
import { AttemptText } from './attempt-text.js';
import type { NodeView } from './snapshot.js';

/** The state of one node: its latest step, its output and its thinking. */
export class NodeModel {
  private readonly output = new AttemptText();
  private readonly thinking = new AttemptText();
  private step: Step | undefined;
  private current: NodeView | undefined;

  constructor(private readonly nodeId: string) {}

  append(kind: 'output' | 'thinking', sequence: number, chunk: string): void {
    this.current = undefined;
    this[kind].append(sequence, chunk);
  }

  /**
   * Sets the latest step.
   * @param through sequence up to which the texts of the node stay valid
   */
  setStep(step: Step, through: number): void {
    this.current = undefined;
    this.step = step;
    this.output.dropAfter(through);
    this.thinking.dropAfter(through);
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
