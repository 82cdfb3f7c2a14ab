import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import type { RunAction } from '../run-action.js';
import { printable, table } from '../terminal.js';

const collect = (value: string, values: string[] = []): string[] => [...values, ...value.split(',')];

interface CreateOptions {
  name: string;
  project: string[];
  scope: string[];
  workflows?: string[];
  expires?: string;
}

export function addKeys(program: Command, context: CliContext, run: RunAction): void {
  const keys = program.command('keys').summary('list, create and revoke API keys');
  keys
    .command('list')
    .summary('list the keys of your projects')
    .action(
      run(async () => {
        const list = await context.client().keys.list();
        if (context.json) context.printJson(list);
        else {
          const rows = list.keys.map((key) => [
            key.id,
            printable(key.name),
            `${key.prefix}…`,
            key.projects.join(','),
            key.scopes.join(','),
            key.workflows?.join(',') ?? 'any',
            key.revokedAt ? 'revoked' : (key.expiresAt ?? 'never'),
          ]);
          for (const row of table(['ID', 'NAME', 'KEY', 'PROJECTS', 'SCOPES', 'WORKFLOWS', 'EXPIRES'], rows))
            context.out.line(row);
        }
        return EXIT.ok;
      }),
    );
  keys
    .command('create')
    .summary('create a key and print it; it is shown only once')
    .requiredOption('-n, --name <name>', 'what the key is for')
    .requiredOption('-p, --project <ids>', 'its projects, comma-separated; * for all', collect)
    .requiredOption(
      '-s, --scope <scopes>',
      'its scopes, comma-separated, for example executions:read',
      collect,
    )
    .option(
      '-w, --workflows <refs>',
      'the only saved workflows that it starts, comma-separated, for example explain@production',
      collect,
    )
    .option('-e, --expires <time>', 'when it expires, in ISO 8601; by default never')
    .action(
      run(async ({ name, project, scope, workflows, expires }: CreateOptions) => {
        const created = await context.client().keys.create({
          name,
          projects: project,
          scopes: scope,
          ...(workflows && { workflows }),
          ...(expires !== undefined && { expiresAt: expires }),
        });
        if (context.json) context.printJson(created);
        else {
          context.out.line(created.key);
          context.err.line(`Key ${created.id}. It is shown only this time.`);
        }
        return EXIT.ok;
      }),
    );
  keys
    .command('revoke')
    .summary('revoke a key: the server refuses it and closes its streams')
    .argument('<key id>', 'the id of the key, as `keys list` shows it')
    .action(
      run(async (id: string) => {
        await context.client().keys.revoke(id);
        if (context.json) context.printJson({ id, revoked: true });
        else context.out.line(`Key ${id} is revoked.`);
        return EXIT.ok;
      }),
    );
}
