import type { Json } from '@cloutagent/contract';
import type { Settings } from '../config/settings.js';
import { NodeError } from './node-handler.js';

/** How much the nodes of one execution may put out. */
export class OutputBudget {
  private bytes = 0;

  constructor(private readonly settings: Pick<Settings, 'OUTPUT_MAX_BYTES' | 'OUTPUTS_MAX_BYTES'>) {}

  /** Counts an output that an earlier owner of the execution has let pass. */
  restore(output: Json): void {
    this.bytes += Buffer.byteLength(JSON.stringify(output));
  }

  /**
   * Counts an output and lets it pass.
   * @throws NodeError `output_not_json`, `output_too_large`, `outputs_too_large`
   */
  admit(output: Json): Json {
    const text = JSON.stringify(output);
    if (text === undefined) throw new NodeError('output_not_json', 'The output of the node is not JSON.');
    const bytes = Buffer.byteLength(text);
    if (bytes > this.settings.OUTPUT_MAX_BYTES) {
      throw new NodeError(
        'output_too_large',
        `The output has ${bytes} bytes; the limit is ${this.settings.OUTPUT_MAX_BYTES} (OUTPUT_MAX_BYTES).`,
      );
    }
    // All of them go out in one `execution:completed`, and are kept in memory until then.
    this.bytes += bytes;
    if (this.bytes > this.settings.OUTPUTS_MAX_BYTES) {
      throw new NodeError(
        'outputs_too_large',
        `The outputs of all nodes have ${this.bytes} bytes; the limit is ${this.settings.OUTPUTS_MAX_BYTES} (OUTPUTS_MAX_BYTES).`,
      );
    }
    return output;
  }
}
