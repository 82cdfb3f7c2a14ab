import type { AnswerWait } from '@cloutagent/contract';
import { type Command, Option } from 'commander';
import type { CliContext } from '../cli-context.js';
import { CliError } from '../cli-error.js';
import { EXIT } from '../exit-codes.js';
import { readJson, readValue } from '../read-value.js';
import type { RunAction } from '../run-action.js';

interface Options {
  approve?: true;
  reject?: true;
  values?: string;
  comment?: string;
  body?: string;
  action?: NonNullable<AnswerWait['action']>;
  output?: string;
  args?: string;
  reason?: string;
}

export function addAnswer(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('answer')
    .summary('answer what an execution waits for')
    .description(
      'Answers a wait, which `cloutagent waits` lists. An approval takes --approve or --reject, a signal takes --body, a ' +
        'tool call takes --action approve or deny, and a failure takes --action retry, fail or output. Values are JSON, a ' +
        'text, @file, or - for stdin.',
    )
    .argument('<wait>', 'the id of the wait')
    .option('--approve', 'approval: the answer is yes')
    .option('--reject', 'approval: the answer is no')
    .option('--values <value>', 'approval: the values of its form')
    .option('-c, --comment <text>', 'approval: a comment; it is recorded')
    .option('-b, --body <value>', 'signal: its body')
    .addOption(
      new Option('-a, --action <action>', 'tool or failure: what to do').choices([
        'approve',
        'deny',
        'retry',
        'fail',
        'output',
      ]),
    )
    .option('-o, --output <value>', 'failure, action output: the output of the node')
    .option('--args <value>', 'tool, action approve: other arguments to call the tool with, as JSON')
    .option('-r, --reason <text>', 'tool or failure: why; it is recorded')
    .action(
      run(async (waitId: string, options: Options) => {
        const answer = await answerOf(options, context);
        const ended = await context.client().waits.answer(waitId, answer);
        if (context.json) context.printJson(ended);
        else context.out.line('answered');
        return EXIT.ok;
      }),
    );
}

/** @throws CliError unless the options have exactly one answer */
async function answerOf(options: Options, context: CliContext): Promise<AnswerWait> {
  const { approve, reject, comment, action, reason } = options;
  const answers = [approve, reject, options.body, action].filter((given) => given !== undefined);
  if (answers.length !== 1)
    throw new CliError('Give one answer: --approve, --reject, --body <value> or --action <action>.');
  if (options.args !== undefined && action !== 'approve')
    throw new CliError('--args needs --action approve: only an approved call has arguments.');
  const read = async (name: 'values' | 'body' | 'output' | 'args'): Promise<Partial<AnswerWait>> => {
    const given = options[name];
    if (given === undefined) return {};
    const readAs = name === 'args' ? readJson : readValue;
    return { [name]: await readAs(`--${name}`, given, context) };
  };
  return {
    ...((approve ?? reject) && { approved: approve === true }),
    ...(comment !== undefined && { comment }),
    ...(await read('values')),
    ...(await read('body')),
    ...(action !== undefined && { action }),
    ...(await read('output')),
    ...(await read('args')),
    ...(reason !== undefined && { reason }),
  };
}
