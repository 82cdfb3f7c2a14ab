import type { Json } from '@cloutagent/contract';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import type { Settings } from '../../config/settings.js';
import { isDeeperThan } from '../../common/json-depth.js';
import { NodeError } from '../extension/node-handler.js';
import { checkShape, outputTooDeep, type ShapeLimits } from '../extension/output-shape.js';

/** Limits the size, the nesting and the number of parts of the outputs of one execution, and of values in its events. */
export class OutputBudget {
  /** Size of all outputs so far. */
  private bytes = 0;

  constructor(
    private readonly settings: Pick<Settings, 'OUTPUT_MAX_BYTES' | 'OUTPUTS_MAX_BYTES'> & ShapeLimits,
    private readonly secrets: () => SecretRedactor,
  ) {}

  /** Counts an output that an earlier owner of the execution has admitted. */
  restore(output: Json): void {
    this.bytes += Buffer.byteLength(JSON.stringify(output));
  }

  /**
   * Checks and counts an output.
   * @param isForeign whether code of a module made it. Such code may change the value later, or it may have members that
   *   JSON does not have, so a copy is returned
   * @returns the output without secrets, because other nodes may send it anywhere
   * @throws NodeError `output_too_deep`, `output_not_json`, `output_too_large`, `outputs_too_large`
   */
  admit(output: Json, isForeign = false): Json {
    this.checkDepth(output);
    const text = toJson(output, "The node's output");
    const bytes = this.checkSize(text, "The node's output");
    // All outputs are part of one `execution:completed` event, and stay in memory until then.
    this.bytes += bytes;
    if (this.bytes > this.settings.OUTPUTS_MAX_BYTES) {
      throw new NodeError(
        'outputs_too_large',
        `The outputs of all nodes together have ${this.bytes} bytes; the limit is ${this.settings.OUTPUTS_MAX_BYTES} (OUTPUTS_MAX_BYTES). Make the nodes return less data.`,
      );
    }
    const redacted = this.secrets().json(text);
    return redacted === text && !isForeign ? output : (JSON.parse(redacted) as Json);
  }

  /**
   * Checks an output without counting it.
   * @returns its JSON
   * @throws NodeError `output_too_deep`, `output_not_json`, `output_too_large`
   */
  check(output: Json): string {
    this.checkDepth(output);
    const text = toJson(output, "The node's output");
    this.checkSize(text, "The node's output");
    return text;
  }

  /**
   * Checks a value in an event by the limits of an output.
   * @returns the value
   * @throws NodeError `output_too_deep`, `output_not_json`, `output_too_large`
   */
  checkValue(value: Json): Json {
    this.checkSize(this.checkJson(value, 'value'), 'The value of an event');
    return value;
  }

  /**
   * Checks that a field of an event is JSON. JSON.stringify would leave out a function, and fail at a cycle.
   * @returns its JSON
   * @throws NodeError `output_too_deep`, `output_not_json`
   */
  checkJson(value: unknown, field: string): string {
    this.checkDepth(value);
    return toJson(value, `The ${field} of an event of the node`);
  }

  /** @throws NodeError `output_too_large` if a text in an event is longer than an output may be */
  checkText(text: string): void {
    const max = this.settings.OUTPUT_MAX_BYTES;
    // A character has at most 3 bytes in UTF-8; only long texts are measured.
    if (text.length * 3 <= max) return;
    const bytes = Buffer.byteLength(text);
    if (bytes > max) throw tooLarge('The chunk of an event', bytes, max);
  }

  /**
   * Refuses values with thousands of levels: neither the server nor a client can process them.
   * @throws NodeError `output_too_deep`
   */
  private checkDepth(value: unknown): void {
    if (isDeeperThan(value, this.settings.OUTPUT_MAX_DEPTH)) throw outputTooDeep(this.settings);
  }

  /** @returns the size in bytes */
  private checkSize(text: string, what: string): number {
    const json = Buffer.from(text);
    const max = this.settings.OUTPUT_MAX_BYTES;
    if (json.length > max) throw tooLarge(what, json.length, max);
    checkShape(json, this.settings);
    return json.length;
  }
}

/** @throws NodeError `output_not_json` */
function toJson(value: unknown, what: string): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    // A BigInt, or a `toJSON` that throws.
    cause = error;
  }
  if (text !== undefined) return text;
  throw new NodeError('output_not_json', `${what} is not JSON: the node's handler must give a JSON value.`, {
    cause,
  });
}

const tooLarge = (what: string, bytes: number, max: number): NodeError =>
  new NodeError(
    'output_too_large',
    `${what} has ${bytes} bytes; the limit is ${max} (OUTPUT_MAX_BYTES). Make its source return less data.`,
  );
