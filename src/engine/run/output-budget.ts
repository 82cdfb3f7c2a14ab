import type { Json } from '@cloutagent/contract';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import type { Settings } from '../../config/settings.js';
import { isDeeperThan } from '../../common/json-depth.js';
import { NodeError } from '../extension/node-handler.js';
import { checkShape, outputTooDeep, type ShapeLimits } from '../extension/output-shape.js';

/** How much the nodes of one execution may put out, and how deeply nested. */
export class OutputBudget {
  private bytes = 0;

  constructor(
    private readonly settings: Pick<Settings, 'OUTPUT_MAX_BYTES' | 'OUTPUTS_MAX_BYTES'> & ShapeLimits,
    private readonly secrets: SecretRedactor,
  ) {}

  /** Counts an output that an earlier owner of the execution has let pass. */
  restore(output: Json): void {
    this.bytes += Buffer.byteLength(JSON.stringify(output));
  }

  /**
   * Counts an output and lets it pass, without secrets of the server: other nodes may send it anywhere.
   * @throws NodeError `output_too_deep`, `output_not_json`, `output_too_large`, `outputs_too_large`
   */
  admit(output: Json): Json {
    this.checkDepth(output);
    const text = JSON.stringify(output);
    if (text === undefined) throw new NodeError('output_not_json', 'The output of the node is not JSON.');
    const json = Buffer.from(text);
    const bytes = json.length;
    if (bytes > this.settings.OUTPUT_MAX_BYTES) {
      throw new NodeError(
        'output_too_large',
        `The output has ${bytes} bytes; the limit is ${this.settings.OUTPUT_MAX_BYTES} (OUTPUT_MAX_BYTES).`,
      );
    }
    checkShape(json, this.settings);
    // All of them go out in one `execution:completed`, and are kept in memory until then.
    this.bytes += bytes;
    if (this.bytes > this.settings.OUTPUTS_MAX_BYTES) {
      throw new NodeError(
        'outputs_too_large',
        `The outputs of all nodes have ${this.bytes} bytes; the limit is ${this.settings.OUTPUTS_MAX_BYTES} (OUTPUTS_MAX_BYTES).`,
      );
    }
    const redacted = this.secrets.json(text);
    return redacted === text ? output : (JSON.parse(redacted) as Json);
  }

  /**
   * What is nested some thousand deep can neither be recorded nor be read by others.
   * @throws NodeError `output_too_deep`
   */
  checkDepth(value: unknown): void {
    if (isDeeperThan(value, this.settings.OUTPUT_MAX_DEPTH)) throw outputTooDeep(this.settings);
  }
}
