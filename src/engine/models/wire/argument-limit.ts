import { NodeError } from '../../extension/node-handler.js';

/** The error of an event, or of arguments of tools, that would take too much memory. */
export const eventTooLarge = (maxLength: number): NodeError =>
  new NodeError(
    'model_failed',
    `The model provider sent an event, or arguments of tools, of more than ${maxLength} characters (MODEL_EVENT_MAX_BYTES).`,
  );

/** Limits the arguments of all tools in one answer, which are kept in memory until they are complete. */
export class ArgumentLimit {
  private length = 0;

  constructor(private readonly maxLength: number) {}

  /** @throws NodeError `model_failed` */
  add(part: string): void {
    // Each part counts, so that an answer with endlessly many empty calls has an end.
    this.length += part.length + 1;
    if (this.length > this.maxLength) throw eventTooLarge(this.maxLength);
  }
}
