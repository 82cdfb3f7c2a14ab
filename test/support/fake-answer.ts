/** How the fake model answers one request. All fields are optional; the default text is `Hello world`. */
export interface FakeAnswer {
  /** Chunks of text. */
  text?: string[];
  /** Chunks of thinking, before the text. */
  thinking?: string[];
  /** The signature of the thinking. Only Anthropic sends one. */
  signature?: string;
  /** The tool calls after the text. */
  toolCalls?: { id?: string; name: string; args: unknown }[];
  /** `input` is without the cached tokens at Anthropic, and with them at OpenAI, as these providers report it. */
  usage?: {
    input: number;
    output: number;
    cachedRead?: number;
    cachedWrite?: number;
    reasoning?: number;
  } | null;
  /** Default: end of turn, or tool use if there are tool calls. */
  stopReason?: 'end' | 'length' | 'filter';
  /** Answers with this status and error instead of a stream. */
  status?: number;
  error?: { type: string; message: string };
  headers?: Record<string, string>;
  /** Delay before each frame, in ms. */
  delayMs?: number;
  /** With `ending`: how many frames are sent before it. */
  after?: number;
  /** How the answer ends instead of completing. */
  ending?: 'reset' | 'hang' | 'end' | 'malformed' | 'error' | 'ping';
}
