/** The two wire formats that the fake provider speaks. */
export type Wire = 'anthropic' | 'openai';
export const WIRES: readonly Wire[] = ['anthropic', 'openai'];

/** `look` is a GET and `charge` has `retryUnsafe`, so both may be sent again. `note` may not. */
export type ToolName = 'note' | 'look' | 'charge';
const TOOL_NAMES: readonly ToolName[] = ['note', 'look', 'charge'];

export interface ScriptedCall {
  name: ToolName;
  args: { round: number; index: number; text: string };
}

/** What the model answers to one call. */
export interface ScriptedAnswer {
  thinking: string[];
  signature: string;
  text: string[];
  calls: ScriptedCall[];
  usage: { input: number; output: number };
}

/** How many rounds with tools the agent has. The answer after them is its last one. */
export const ROUNDS = 5;
const TOOLS_OF_ROUND: readonly (readonly ToolName[])[] = [
  ['note'],
  ['look', 'note'],
  ['charge', 'note', 'look'],
  ['note', 'charge'],
  ['note', 'look', 'note'],
];

function scripted(round: number): ScriptedAnswer {
  const calls = (TOOLS_OF_ROUND[round - 1] ?? []).map((name, index) => ({
    name,
    args: { round, index, text: `value ${index} of round ${round}, “quoted” & 100 %` },
  }));
  return {
    thinking: [`Thought ${round} begins, `, `thought ${round} ends.`],
    signature: `signature-of-round-${round}==`,
    text: calls.length > 0 ? [`Round ${round}: `, `I use ${calls.length} tools. `] : ['All is ', 'done.'],
    calls,
    // Different for each answer, so that a count that is missing or doubled shows in the sum.
    usage: { input: 1_000 * round + 7, output: 10 ** round % 997 },
  };
}

/** The answers of the model, in their order. */
export const SCRIPT: readonly ScriptedAnswer[] = Array.from({ length: ROUNDS + 1 }, (_unused, index) =>
  scripted(index + 1),
);
/** The text of the last answer, which is the output of the agent. */
export const FINAL_TEXT = SCRIPT.at(-1)!.text.join('');
/** The text of all answers. */
export const WHOLE_TEXT = SCRIPT.flatMap(({ text }) => text).join('');
export const WHOLE_THINKING = SCRIPT.flatMap(({ thinking }) => thinking).join('');

export const toolCallId = (round: number, index: number): string => `call_${round}_${index}`;

/** The number of the case is in the prompt and in the addresses of the tools. */
const promptOf = (caseId: string): string => `Case ${caseId}: do the work.`;
export const caseIn = (text: string): string | undefined => /Case (c\d{5}):/.exec(text)?.[1];

/** Returns the workflow of one case. */
export function workflowOf(
  caseId: string,
  wire: Wire,
  toolsUrl: string,
  { type = 'agent', data = {}, config = {} }: { type?: string; data?: object; config?: object } = {},
): object {
  const tools = TOOL_NAMES.map((name) => ({
    name,
    description: `Does ${name}.`,
    inputSchema: {
      type: 'object',
      properties: { round: { type: 'integer' }, index: { type: 'integer' }, text: { type: 'string' } },
    },
    ...(name === 'charge' && { retryUnsafe: true }),
    http: { method: name === 'look' ? 'GET' : 'POST', url: `${toolsUrl}/${caseId}/${name}` },
  }));
  const model =
    wire === 'anthropic'
      ? {
          model: 'anthropic/claude-sonnet-4-5',
          providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1_024 } } },
        }
      : { model: 'openai-compatible/scripted' };
  const task =
    type === 'subagent'
      ? { name: 'worker', instructions: 'Use the tools.', task: promptOf(caseId) }
      : { prompt: promptOf(caseId) };
  return {
    nodes: [{ id: 'worker', type, data: { ...data, config: { ...model, ...task, tools, ...config } } }],
    edges: [],
  };
}
