import { NestFactory } from '@nestjs/core';
import { StartExecution } from '@cloutagent/contract';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { CliError } from '../cli-error.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { RunAction } from '../run-action.js';
import type { CheckedWorkflow } from '../../definitions/workflow-validator.js';
import { readRequest } from '../workflow-file.js';

interface Problem {
  path: string;
  message: string;
}

export function addValidate(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('validate')
    .summary('check the workflow of a file, with or without a server')
    .description(
      'Checks the workflow of a file as a server with the settings of this environment does: the graph, the config of each ' +
        'node, expressions and models. Node types that modules add are not known here: use --server for them, for saved ' +
        'workflows, and for the secrets and variables of a project.',
    )
    .argument('<file>', 'a JSON file; - for stdin')
    .option('--server', 'let the server check it; it starts nothing')
    .action(
      run(async (file: string, { server }: { server?: true }) => {
        if (server) return checkOnServer(file, context);
        const { workflow, workflowRef, ...rest } = StartExecution.parse(await readRequest(file, {}, context));
        if (!workflow)
          throw new CliError(
            `${file} names the saved workflow ${workflowRef}, which only a server has. Use --server, or give a file with a graph.`,
          );
        const problems = await check({ ...rest, workflow }, context.streams.environment);
        if (context.json) context.printJson({ valid: problems.length === 0, problems });
        else if (problems.length === 0) {
          const { nodes, edges } = workflow;
          context.out.line(`${file} is valid: ${nodes.length} nodes, ${edges.length} edges.`);
        } else for (const { path, message } of problems) context.out.line(`${path}: ${message}`);
        return problems.length === 0 ? EXIT.ok : EXIT.failed;
      }),
    );
}

async function checkOnServer(file: string, context: CliContext): Promise<ExitCode> {
  const checked = await context.client().executions.validate(await readRequest(file, {}, context));
  const { valid, problems, warnings } = checked;
  if (context.json) context.printJson(checked);
  else {
    if (valid) context.out.line(`${file} is valid.`);
    for (const { path, message } of problems) context.out.line(`${path}: ${message}`);
    for (const { path, message } of warnings) context.out.line(`warning: ${path}: ${message}`);
  }
  return valid ? EXIT.ok : EXIT.failed;
}

async function check(request: CheckedWorkflow, environment: NodeJS.ProcessEnv): Promise<Problem[]> {
  const [
    { parseSettings, InvalidSettingsError },
    { ValidationModule },
    { WorkflowValidator },
    { ProblemError },
  ] = await Promise.all([
    import('../../config/settings.js'),
    import('../validation.module.js'),
    import('../../definitions/workflow-validator.js'),
    import('../../problems/problem.error.js'),
  ]);
  let settings;
  try {
    settings = parseSettings(environment);
  } catch (error) {
    if (error instanceof InvalidSettingsError) throw new CliError(error.message, EXIT.failed);
    throw error;
  }
  const app = await NestFactory.createApplicationContext(ValidationModule.forRoot(settings), {
    logger: false,
    abortOnError: false,
  });
  try {
    await app.get(WorkflowValidator, { strict: false }).check(request);
    return [];
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return error.extra.errors ?? [{ path: '', message: error.message }];
  } finally {
    await app.close();
  }
}
