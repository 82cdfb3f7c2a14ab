import { NodeError } from '../../extension/node-handler.js';

/** The error of an event, or of arguments of tools, that would take too much memory. */
export const eventTooLarge = (maxLength: number): NodeError =>
  new NodeError(
    'model_failed',
    `The model provider sent an event, or arguments of tools, of more than ${maxLength} characters (MODEL_EVENT_MAX_BYTES).`,
  );

/** What a block or a call counts in addition to its text, so that an answer with endlessly many empty ones has an end. */
const OVERHEAD = 1_000;

/** Limits the arguments of all tools in one answer, which are kept in memory until they are complete. */
export class ArgumentLimit {
  private length = 0;

  constructor(private readonly maxLength: number) {}

  /**
   * Adds a part of arguments.
   * @throws NodeError `model_failed`
   */
  add(part: string): void {
    this.length += part.length;
    if (this.length > this.maxLength) throw eventTooLarge(this.maxLength);
  }

  /**
   * Adds a block or a call.
   * @throws NodeError `model_failed`
   */
  addItem(text = ''): void {
    this.length += OVERHEAD;
    this.add(text);
  }
}
