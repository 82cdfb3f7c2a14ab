import type {
  EventType,
  PutWebhookInput,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryStatus,
} from '@cloutagent/contract';
import { type Command, Option } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { durationText } from '../format.js';
import { limitOf } from '../limit-of.js';
import {
  addNamedResources,
  inProject,
  minute,
  printTable,
  type ProjectOptions,
  showItem,
} from '../named-resources.js';
import type { RunAction } from '../run-action.js';

const DELIVERY_COLUMNS = {
  DELIVERY: ({ id }: WebhookDelivery) => id,
  STATUS: ({ status }: WebhookDelivery) => status,
  ANSWER: ({ responseStatus, error }: WebhookDelivery) => responseStatus ?? error,
  ATTEMPT: ({ attempt }: WebhookDelivery) => attempt,
  'AT (UTC)': ({ at }: WebhookDelivery) => minute(at),
  TIME: ({ durationMs }: WebhookDelivery) => durationText(durationMs),
  EVENT: ({ type }: WebhookDelivery) => type,
  EXECUTION: ({ executionId, sequence }: WebhookDelivery) => `${executionId} ${sequence}`,
};

export function addWebhooks(program: Command, context: CliContext, run: RunAction): void {
  const group = addNamedResources<Webhook>(program, context, run, {
    name: 'webhooks',
    one: 'webhook',
    summary: 'webhooks: events delivered to a server of yours',
    columns: {
      NAME: ({ name }) => name,
      STATE: ({ enabled, disabledReason }) => (enabled ? 'enabled' : (disabledReason ?? 'paused')),
      PENDING: ({ pending }) => pending,
      DEAD: ({ dead }) => dead,
      EVENTS: ({ events }) => events.join(','),
      URL: ({ url }) => url,
    },
    list: ({ webhooks }, project) => webhooks.list(project),
    get: ({ webhooks }, project, name) => webhooks.get(project, name),
    remove: ({ webhooks }, project, name) => webhooks.delete(project, name),
  });
  addSet(group, context, run);
  addDeliveries(group, context, run);
  addReplay(group, context, run);
  inProject(
    group
      .command('rotate-secret')
      .summary('make a new signing secret and print it; it is shown only once')
      .argument('<name>', 'its name'),
  )
    .option(
      '--keep-old <ms>',
      'how long requests are signed by the old secrets as well; by default a day',
      Number,
    )
    .action(
      run(async (name: string, { project, keepOld }: ProjectOptions & { keepOld?: number }) => {
        const webhook = await context.admin().webhooks.rotateSecret(project, name, { keepOldForMs: keepOld });
        printSecret(context, webhook);
        return EXIT.ok;
      }),
    );
}

interface SetOptions extends ProjectOptions {
  events: string;
  paused?: true;
  payload?: 'thin' | 'full';
  workflow?: string;
  tag?: string;
  cloudEvents?: true;
}

function addSet(group: Command, context: CliContext, run: RunAction): void {
  inProject(
    group
      .command('set')
      .summary('make a webhook, or replace its settings')
      .description('Prints the signing secret of a new webhook. It is shown only once.')
      .argument('<name>', 'its name')
      .argument('<address>', 'the URL to which the events are sent')
      .requiredOption('-e, --events <types>', 'types of events, comma-separated'),
  )
    .option('--paused', 'keep the events until it is set without --paused')
    .addOption(new Option('--payload <kind>', 'what is sent of an event').choices(['full', 'thin']))
    .option('--workflow <name>', 'only executions of this saved workflow')
    .option('-t, --tag <tag>', 'only executions with this tag')
    .option('--cloud-events', 'also send the headers of CloudEvents 1.0')
    .action(
      run(async (name: string, url: string, options: SetOptions) => {
        const { project, events, paused, payload, workflow, tag, cloudEvents } = options;
        const body: PutWebhookInput = {
          url,
          events: events.split(',').map((type) => type.trim() as EventType),
          enabled: paused !== true,
          ...(payload && { payload }),
          ...(workflow !== undefined && { workflow }),
          ...(tag !== undefined && { tag }),
          ...(cloudEvents && { cloudEvents }),
        };
        printSecret(context, await context.admin().webhooks.set(project, name, body));
        return EXIT.ok;
      }),
    );
}

function printSecret(context: CliContext, webhook: { name: string; secret?: string | undefined }): void {
  if (context.json) return context.printJson(webhook);
  if (webhook.secret === undefined) return context.out.line(`The webhook ${webhook.name} is set.`);
  context.out.line(webhook.secret);
  context.err.line(`This is the signing secret of ${webhook.name}. It is shown only this time.`);
}

interface DeliveriesOptions extends ProjectOptions {
  execution?: string;
  status?: WebhookDeliveryStatus;
  limit: number;
  cursor?: string;
}

function addDeliveries(group: Command, context: CliContext, run: RunAction): void {
  inProject(
    group
      .command('deliveries')
      .summary('list the attempts to deliver, newest first, or show one with its request and answer')
      .argument('<name>', 'the name of the webhook')
      .argument('[delivery]', 'the id of an attempt'),
  )
    .option('-e, --execution <id>', 'only events of this execution')
    .addOption(new Option('-s, --status <status>', 'only these').choices(['delivered', 'failed', 'dead']))
    .option('-n, --limit <number>', 'how many, up to 100', limitOf, 20)
    .option('--cursor <cursor>', 'continue after an earlier list')
    .action(
      run(async (name: string, delivery: string | undefined, options: DeliveriesOptions) => {
        const { project, execution, status, limit, cursor } = options;
        const { webhooks } = context.admin();
        if (delivery !== undefined) {
          showItem(context, await webhooks.delivery(project, name, delivery));
          return EXIT.ok;
        }
        const query = { executionId: execution, status, limit, cursor };
        const page = await webhooks.deliveries(project, name, query);
        if (context.json) context.printJson(page);
        else {
          printTable(context, DELIVERY_COLUMNS, page.deliveries);
          if (page.nextCursor !== null) context.err.line(`More: --cursor ${page.nextCursor}`);
        }
        return EXIT.ok;
      }),
    );
}

function addReplay(group: Command, context: CliContext, run: RunAction): void {
  inProject(
    group
      .command('replay')
      .summary('deliver again: the events of one execution, or those of a range of time')
      .argument('<name>', 'the name of the webhook'),
  )
    .option('-e, --execution <id>', 'the events of this execution')
    .option('--from <time>', 'events recorded since then, in ISO 8601')
    .option('--to <time>', 'events recorded before then; by default now')
    .action(
      run(
        async (
          name: string,
          {
            project,
            execution,
            from,
            to,
          }: ProjectOptions & { execution?: string; from?: string; to?: string },
        ) => {
          const replayed = await context.admin().webhooks.replay(project, name, {
            ...(execution !== undefined && { executionId: execution }),
            ...(from !== undefined && { from }),
            ...(to !== undefined && { to }),
          });
          if (context.json) context.printJson(replayed);
          else context.out.line(`Executions whose events are delivered again: ${replayed.executions}`);
          return EXIT.ok;
        },
      ),
    );
}
