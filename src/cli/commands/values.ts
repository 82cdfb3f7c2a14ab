import { CloutAgentError } from '@cloutagent/client';
import type { Json, Secret, Variable } from '@cloutagent/contract';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { shortened } from '../format.js';
import { addNamedResources, inProject, minute, type ProjectOptions } from '../named-resources.js';
import { readSecret } from '../read-secret.js';
import { readValue } from '../read-value.js';
import type { RunAction } from '../run-action.js';
import { addRotateSecrets } from './rotate-secrets.js';

export function addSecrets(program: Command, context: CliContext, run: RunAction): void {
  const group = addNamedResources<Secret>(program, context, run, {
    name: 'secrets',
    one: 'secret',
    summary: 'secrets of a project; no command shows their values',
    columns: {
      NAME: ({ name }) => name,
      'ALLOWED HOSTS': ({ allowedHosts }) => allowedHosts?.join(',') ?? 'any',
      'SET (UTC)': ({ updatedAt }) => minute(updatedAt),
      BY: ({ updatedBy }) => updatedBy,
    },
    list: ({ secrets }, project) => secrets.list(project),
    get: ({ secrets }, project, name) => secrets.get(project, name),
    remove: ({ secrets }, project, name) => secrets.delete(project, name),
  });
  inProject(
    group
      .command('set')
      .summary('set a secret; its value comes from a prompt or from stdin')
      .argument('<name>', 'letters, digits and _'),
  )
    .option(
      '-a, --allowed-hosts <hosts>',
      'the only hosts to which it may be sent, comma-separated; * for all; by default those that it has, or all for a new one',
    )
    .action(
      run(async (name: string, { project, allowedHosts }: ProjectOptions & { allowedHosts?: string }) => {
        const admin = context.admin();
        const value = await readSecret(`Value of ${name} (it is not shown): `, context);
        const hosts = await hostsFor(allowedHosts, () => admin.secrets.get(project, name));
        const secret = await admin.secrets.set(project, name, { value, allowedHosts: hosts });
        if (context.json) context.printJson(secret);
        else context.out.line(`The secret ${name} is set.`);
        return EXIT.ok;
      }),
    );
  addRotateSecrets(group, context, run);
}

/** Returns null for all hosts. A new value without hosts keeps the present ones, because it could otherwise be sent anywhere. */
async function hostsFor(given: string | undefined, read: () => Promise<Secret>): Promise<string[] | null> {
  if (given !== undefined) return given.trim() === '*' ? null : given.split(',').map((host) => host.trim());
  try {
    return (await read()).allowedHosts;
  } catch (error) {
    if (error instanceof CloutAgentError && error.status === 404) return null;
    throw error;
  }
}

export function addVariables(program: Command, context: CliContext, run: RunAction): void {
  const group = addNamedResources<Variable>(program, context, run, {
    name: 'variables',
    one: 'variable',
    summary: 'variables of a project: plain values for workflows',
    columns: {
      NAME: ({ name }) => name,
      'SET (UTC)': ({ updatedAt }) => minute(updatedAt),
      BY: ({ updatedBy }) => updatedBy,
      VALUE: ({ value }) => shortened(value),
    },
    list: ({ variables }, project) => variables.list(project),
    get: ({ variables }, project, name) => variables.get(project, name),
    remove: ({ variables }, project, name) => variables.delete(project, name),
  });
  inProject(
    group
      .command('set')
      .summary('set a variable')
      .argument('<name>', 'letters, digits and _')
      .argument('<value>', 'JSON, a text, @file, or - for stdin'),
  ).action(
    run(async (name: string, given: string, { project }: ProjectOptions) => {
      const value = (await readValue('value', given, context)) as Json;
      const variable = await context.admin().variables.set(project, name, value);
      if (context.json) context.printJson(variable);
      else context.out.line(`The variable ${name} is set.`);
      return EXIT.ok;
    }),
  );
}
