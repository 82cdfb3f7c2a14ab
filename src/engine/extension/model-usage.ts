/** Tokens of one call, as far as the provider has reported them. What it did not report is undefined. */
export interface ReportedUsage {
  /** All tokens of the prompt, cached ones included. */
  input?: number | undefined;
  /** All tokens of the answer, reasoning included. */
  output?: number | undefined;
  cached?: { read: number; written: number } | undefined;
  reasoning?: number | undefined;
}

/** The tokens of one call of a model, and how its answer ended. */
export interface ModelUsage {
  /** All tokens of the prompt, cached ones included. */
  input: number;
  /** All tokens of the answer, reasoning included. */
  output: number;
  /** Those of `input` that were read from the provider's cache, or written to it. */
  cached?: { read: number; written: number } | undefined;
  /** Those of `output` that are reasoning. */
  reasoning?: number | undefined;
  /** Why the model stopped: `stop`, `length`, `content-filter`, `tool-calls`, `error`, `interrupted` or `other`. */
  finishReason?: string | undefined;
  /** Whether the answer is not whole. */
  incomplete?: boolean | undefined;
}
