import type { CloutAgentAdmin } from '@cloutagent/client/admin';
import type { Command } from 'commander';
import type { CliContext } from './cli-context.js';
import { EXIT } from './exit-codes.js';
import type { RunAction } from './run-action.js';
import { printable, table } from './terminal.js';

/** Options of every command about the things of a project. */
export interface ProjectOptions {
  project: string;
}

interface Kind<Item> {
  /** Name of the command, and of the field of its list: `secrets`. */
  name: string;
  /** One of them, for sentences: `secret`. */
  one: string;
  summary: string;
  /** Columns of the list, by their headings. */
  columns: Record<string, (item: Item) => string | number | null>;
  list: (admin: CloutAgentAdmin, project: string) => Promise<object>;
  get: (admin: CloutAgentAdmin, project: string, name: string) => Promise<object>;
  remove: (admin: CloutAgentAdmin, project: string, name: string) => Promise<void>;
}

/** Adds a command with `list`, `get` and `delete` for the named things of a project. Returns it for further ones. */
export function addNamedResources<Item>(
  program: Command,
  context: CliContext,
  run: RunAction,
  { name, one, summary, columns, list, get, remove }: Kind<Item>,
): Command {
  const group = program.command(name).summary(summary);
  inProject(group.command('list').summary(`list the ${name} of a project`)).action(
    run(async ({ project }: ProjectOptions) => {
      const page = await list(context.admin(), project);
      if (context.json) context.printJson(page);
      else printTable(context, columns, (page as Record<string, unknown>)[name] as Item[]);
      return EXIT.ok;
    }),
  );
  inProject(
    group.command('get').summary(`show a ${one}`).argument('<name>', `the name of the ${one}`),
  ).action(
    run(async (given: string, { project }: ProjectOptions) => {
      showItem(context, await get(context.admin(), project, given));
      return EXIT.ok;
    }),
  );
  inProject(
    group.command('delete').summary(`delete a ${one}`).argument('<name>', `the name of the ${one}`),
  ).action(
    run(async (given: string, { project }: ProjectOptions) => {
      await remove(context.admin(), project, given);
      if (context.json) context.printJson({ name: given, deleted: true });
      else context.out.line(`The ${one} ${given} is deleted.`);
      return EXIT.ok;
    }),
  );
  return group;
}

export const inProject = (command: Command): Command =>
  command.option('-p, --project <id>', 'the project', 'default');

/** Prints a table. Control characters and line breaks in cells are replaced. */
export function printTable<Item>(
  { out }: CliContext,
  columns: Record<string, (item: Item) => string | number | null>,
  items: readonly Item[],
): void {
  const cell = (value: string | number | null): string =>
    printable(String(value ?? '')).replaceAll('\n', ' ');
  const rows = items.map((item) => Object.values(columns).map((read) => cell(read(item))));
  const [header, ...lines] = table(Object.keys(columns), rows);
  out.line(out.style('bold', header!));
  for (const line of lines) out.line(line);
}

/** Prints an object: as JSON for programs, else one field a line. */
export function showItem(context: CliContext, item: object): void {
  if (context.json) return context.printJson(item);
  const fields = Object.entries(item).filter(([, value]) => value !== null && value !== undefined);
  const width = Math.max(...fields.map(([field]) => field.length));
  for (const [field, value] of fields)
    context.out.line(
      `${field.padEnd(width)}  ${printable(typeof value === 'string' ? value : JSON.stringify(value))}`,
    );
}

/** Formats a time to the minute, in UTC. */
export const minute = (time: string | null): string | null => time && time.slice(0, 16).replace('T', ' ');
