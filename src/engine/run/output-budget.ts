import type { Json } from '@cloutagent/contract';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import type { Settings } from '../../config/settings.js';
import { isDeeperThan } from '../../common/json-depth.js';
import { NodeError } from '../extension/node-handler.js';
import { checkShape, outputTooDeep, type ShapeLimits } from '../extension/output-shape.js';

/** Limits the size, the nesting and the number of parts of the outputs of one execution. */
export class OutputBudget {
  /** Size of all outputs so far. */
  private bytes = 0;

  constructor(
    private readonly settings: Pick<Settings, 'OUTPUT_MAX_BYTES' | 'OUTPUTS_MAX_BYTES'> & ShapeLimits,
    private readonly secrets: SecretRedactor,
  ) {}

  /** Counts an output that an earlier owner of the execution has admitted. */
  restore(output: Json): void {
    this.bytes += Buffer.byteLength(JSON.stringify(output));
  }

  /**
   * Checks and counts an output.
   * @returns the output without secrets of the server, because other nodes may send it anywhere
   * @throws NodeError `output_too_deep`, `output_not_json`, `output_too_large`, `outputs_too_large`
   */
  admit(output: Json): Json {
    this.checkDepth(output);
    const text = JSON.stringify(output);
    if (text === undefined)
      throw new NodeError(
        'output_not_json',
        "The node's output is not JSON: its handler must return a JSON value.",
      );
    const json = Buffer.from(text);
    const bytes = json.length;
    if (bytes > this.settings.OUTPUT_MAX_BYTES) {
      throw new NodeError(
        'output_too_large',
        `The node's output has ${bytes} bytes; the limit is ${this.settings.OUTPUT_MAX_BYTES} (OUTPUT_MAX_BYTES). Make its source return less data.`,
      );
    }
    checkShape(json, this.settings);
    // All outputs are part of one `execution:completed` event, and stay in memory until then.
    this.bytes += bytes;
    if (this.bytes > this.settings.OUTPUTS_MAX_BYTES) {
      throw new NodeError(
        'outputs_too_large',
        `The outputs of all nodes together have ${this.bytes} bytes; the limit is ${this.settings.OUTPUTS_MAX_BYTES} (OUTPUTS_MAX_BYTES). Make the nodes return less data.`,
      );
    }
    const redacted = this.secrets.json(text);
    return redacted === text ? output : (JSON.parse(redacted) as Json);
  }

  /**
   * Refuses values with thousands of levels: neither the server nor a client can process them.
   * @throws NodeError `output_too_deep`
   */
  checkDepth(value: unknown): void {
    if (isDeeperThan(value, this.settings.OUTPUT_MAX_DEPTH)) throw outputTooDeep(this.settings);
  }
}
