import type { Json } from '@cloutagent/contract';
import type { FormattedExecution } from '../../streaming/formats/event-format.js';

/** The name of this protocol in the threads of executions. */
export const OPENAI = 'openai';

/** What is stored about the request that has started an execution, as the data of its thread. */
export interface RequestRecord {
  /** The model as the client sent it. */
  readonly model: string;
  readonly instructions: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly background: boolean;
  readonly previousResponseId: string | null;
  /** The items of the request, in the form of OpenAI. */
  readonly items: readonly Json[];
  /**
   * The conversation with the items of the request, without its instructions, in the AI SDK's form of ModelMessage; null if
   * the input of the execution has it.
   */
  readonly messages: readonly Json[] | null;
  /** Whether a stream of chat completions ends with the usage. */
  readonly includeUsage: boolean;
}

/** Returns the record of an execution that this protocol has started; undefined for other executions. */
export const recordOf = ({ thread }: FormattedExecution): RequestRecord | undefined =>
  thread?.protocol === OPENAI ? (thread.data as unknown as RequestRecord) : undefined;

/**
 * Returns the model that a response names: as the client sent it, with the number of the version that runs. It can be sent
 * as a model again.
 */
export function shownModel(execution: FormattedExecution): string {
  const { savedAs, projectId } = execution;
  if (!savedAs) return 'workflow';
  const [name = savedAs.name] = recordOf(execution)?.model.split('@') ?? [`${projectId}/${savedAs.name}`];
  return `${name}@${savedAs.version}`;
}

/** Returns a time in seconds since the epoch. */
export const secondsOf = (timestamp: string): number => Math.floor(Date.parse(timestamp) / 1_000);
