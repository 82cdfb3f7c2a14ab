import type { PutTriggerInput, Trigger, TriggerSource } from '@cloutagent/contract';
import { type Command, Option } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { addNamedResources, inProject, minute, type ProjectOptions } from '../named-resources.js';
import type { RunAction } from '../run-action.js';

interface SetOptions extends ProjectOptions {
  workflow: string;
  source: TriggerSource;
  secret: string;
  map?: string;
  disabled?: true;
}

const SOURCES = ['github', 'stripe', 'slack', 'standard-webhooks', 'shared-secret'] satisfies TriggerSource[];

export function addTriggers(program: Command, context: CliContext, run: RunAction): void {
  const group = addNamedResources<Trigger>(program, context, run, {
    name: 'triggers',
    one: 'trigger',
    summary: 'triggers: saved workflows that start when a webhook arrives',
    columns: {
      NAME: ({ name }) => name,
      STATE: ({ enabled }) => (enabled ? 'enabled' : 'disabled'),
      SOURCE: ({ source }) => source,
      WORKFLOW: ({ workflowRef }) => workflowRef,
      'LAST (UTC)': ({ lastAt }) => minute(lastAt),
      ERROR: ({ lastError }) => lastError,
      ADDRESS: ({ address }) => address,
    },
    list: ({ triggers }, project) => triggers.list(project),
    get: ({ triggers }, project, name) => triggers.get(project, name),
    remove: ({ triggers }, project, name) => triggers.delete(project, name),
  });
  inProject(
    group
      .command('set')
      .summary('make a trigger, or replace it; prints the address for the sender')
      .argument('<name>', 'its name')
      .requiredOption('--workflow <ref>', 'the saved workflow, such as review@production')
      .addOption(new Option('--source <sender>', 'who sends').choices(SOURCES).makeOptionMandatory())
      .requiredOption('--secret <name>', 'the name of the secret that verifies the requests'),
  )
    .option('--map <expression>', 'a JSONata expression over { body, headers, query } that gives the input')
    .option('--disabled', 'refuse requests until it is set without --disabled')
    .action(
      run(async (name: string, { project, workflow, source, secret, map, disabled }: SetOptions) => {
        const body: PutTriggerInput = {
          workflowRef: workflow,
          source,
          secret,
          enabled: disabled !== true,
          ...(map !== undefined && { map }),
        };
        const trigger = await context.admin().triggers.set(project, name, body);
        if (context.json) context.printJson(trigger);
        else context.out.line(trigger.address);
        return EXIT.ok;
      }),
    );
}
