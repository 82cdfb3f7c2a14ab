import type { Json } from '@cloutagent/contract';
import { NodeError, NodeHandler, type NodeRun, type NodeType } from '@cloutagent/server';
import { z } from 'zod';
import { TeamDatabase } from './team-database.js';

const Config = z.strictObject({ email: z.string().min(1) });
type Config = z.infer<typeof Config>;

/** Reads a customer of the execution's project. `email` may have placeholders, such as `{{input}}`. */
@NodeHandler('find-customer')
export class FindCustomerNode implements NodeType<Config> {
  readonly config = Config;

  constructor(private readonly database: TeamDatabase) {}

  async run({ config, projectId }: NodeRun<Config>): Promise<Json> {
    const [customer] = await this.database.query(
      'SELECT email, name, card FROM team.customers WHERE project_id = $1 AND email = $2',
      [projectId, config.email],
    );
    if (!customer) throw new NodeError('customer_unknown', `There is no customer ${config.email}.`);
    return customer;
  }
}
