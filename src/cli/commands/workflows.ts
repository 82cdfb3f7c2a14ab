import type { SavedWorkflowSummary, WorkflowChange } from '@cloutagent/contract';
import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../cli-context.js';
import { CliError } from '../cli-error.js';
import { EXIT } from '../exit-codes.js';
import { addNamedResources, inProject, minute, printTable, type ProjectOptions } from '../named-resources.js';
import type { RunAction } from '../run-action.js';
import { printable } from '../terminal.js';
import { readContent } from '../workflow-file.js';

const aliasesOf = ({ aliases }: SavedWorkflowSummary): string =>
  Object.entries(aliases)
    .map(([alias, version]) => `${alias}=${version}`)
    .join(',');

const VERSION_COLUMNS = {
  VERSION: ({ version }: SavedWorkflowSummary) => version,
  'SAVED (UTC)': ({ createdAt }: SavedWorkflowSummary) => minute(createdAt),
  BY: ({ createdBy }: SavedWorkflowSummary) => createdBy,
  NODES: ({ nodes }: SavedWorkflowSummary) => nodes,
  DESCRIPTION: ({ description }: SavedWorkflowSummary) => description,
};

export function addWorkflows(program: Command, context: CliContext, run: RunAction): void {
  const group = addNamedResources<SavedWorkflowSummary>(program, context, run, {
    name: 'workflows',
    one: 'workflow',
    summary: 'saved workflows with their versions and aliases',
    columns: {
      NAME: ({ name }) => name,
      VERSION: ({ version }) => version,
      ALIASES: aliasesOf,
      'SAVED (UTC)': ({ createdAt }) => minute(createdAt),
      TAGS: ({ tags }) => tags.join(','),
      DESCRIPTION: ({ description }) => description,
    },
    list: ({ workflows }, projectId) => workflows.list({ projectId, limit: 100 }),
    get: ({ workflows }, project, given) => {
      const [name, version] = split(given);
      return workflows.get(project, name, { version });
    },
    remove: ({ workflows }, project, name) => workflows.delete(project, name),
  });
  addSave(group, context, run);
  inProject(
    group.command('versions').summary('list the versions of a workflow').argument('<name>', 'its name'),
  ).action(
    run(async (name: string, { project }: ProjectOptions) => {
      const page = await context.admin().workflows.versions(project, name, { limit: 100 });
      if (context.json) context.printJson(page);
      else printTable(context, VERSION_COLUMNS, page.versions);
      return EXIT.ok;
    }),
  );
  inProject(
    group
      .command('diff')
      .summary('show what differs between two versions')
      .argument('<name>', 'its name')
      .argument('<from>', 'the number of a version', versionOf)
      .argument('<to>', 'the number of a version', versionOf),
  ).action(
    run(async (name: string, from: number, to: number, { project }: ProjectOptions) => {
      const diff = await context.admin().workflows.diff(project, name, { from, to });
      if (context.json) context.printJson(diff);
      else for (const change of diff.changes) for (const line of linesOf(change)) context.out.line(line);
      if (!diff.isComplete) context.err.line('There are more changes than these.');
      return EXIT.ok;
    }),
  );
  addAlias(group, context, run);
}

interface SaveOptions extends ProjectOptions {
  ifMatch?: number;
  new?: true;
  description?: string;
}

function addSave(group: Command, context: CliContext, run: RunAction): void {
  inProject(
    group
      .command('save')
      .summary('save a workflow as the next version')
      .description(
        'Saves the workflow of a file: a workflow alone ({ nodes, edges }), a file of `run`, or what `workflows get --json` prints.',
      )
      .argument('<name>', 'its name')
      .argument('<file>', 'a JSON file; - for stdin'),
  )
    .option('--if-match <version>', 'only if this is still the newest version', versionOf)
    .option('--new', 'only if there is no workflow with this name')
    .option('-d, --description <text>', 'what the workflow is for')
    .action(
      run(async (name: string, file: string, options: SaveOptions) => {
        const content = await readContent(file, context);
        const { description = content.description } = options;
        const saved = await context
          .admin()
          .workflows.save(
            options.project,
            name,
            { ...content, description },
            { ifMatch: options.new ? 'none' : options.ifMatch },
          );
        if (context.json) context.printJson(saved);
        else context.out.line(`${saved.name}@${saved.version}`);
        return EXIT.ok;
      }),
    );
}

function addAlias(group: Command, context: CliContext, run: RunAction): void {
  inProject(
    group
      .command('alias')
      .summary('point an alias to a version, or delete it')
      .argument('<name>', 'the name of the workflow')
      .argument('<alias>', 'for example production')
      .argument('[version]', 'the number of a version', versionOf),
  )
    .option('--delete', 'delete the alias')
    .action(
      run(
        async (
          name: string,
          alias: string,
          version: number | undefined,
          options: ProjectOptions & { delete?: true },
        ) => {
          const { workflows } = context.admin();
          const { project } = options;
          if ((version === undefined) !== (options.delete === true))
            throw new CliError('Give either the number of a version or --delete.');
          if (version === undefined) await workflows.deleteAlias(project, name, alias);
          else await workflows.setAlias(project, name, alias, version);
          if (context.json) context.printJson({ name: alias, version: version ?? null });
          else context.out.line(version === undefined ? 'deleted' : `${name}@${alias} is version ${version}`);
          return EXIT.ok;
        },
      ),
    );
}

/** Splits `name@version`. */
function split(given: string): [name: string, version: string | undefined] {
  const at = given.lastIndexOf('@');
  return at < 0 ? [given, undefined] : [given.slice(0, at), given.slice(at + 1)];
}

function versionOf(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('Use the number of a version: 1, 2, 3 …');
  return Number(text);
}

function linesOf({ op, path, from, to }: WorkflowChange): string[] {
  const value = (sign: string, given: unknown): string => printable(`${sign} ${JSON.stringify(given)}`);
  return [
    printable(path),
    ...(op === 'add' ? [] : [value('  -', from)]),
    ...(op === 'remove' ? [] : [value('  +', to)]),
  ];
}
