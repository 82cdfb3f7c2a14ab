import type { Json } from '@cloutagent/contract';
import { ProvidesTools, type ToolDefinition, type ToolProvider, type ToolRequest } from '@cloutagent/server';
import { z } from 'zod';
import { TeamDatabase } from './team-database.js';

const Args = z.object({ name: z.string().min(1).meta({ description: 'A part of the name.' }) });

/** Lets agents search the customers of their project: `"tools": ["customers/search"]`. */
@ProvidesTools('customers')
export class CustomerTools implements ToolProvider {
  constructor(private readonly database: TeamDatabase) {}

  tools(): ToolDefinition[] {
    const description = 'Finds up to 10 customers by name. Returns a list of { email, name }.';
    return [{ name: 'search', description, inputSchema: z.toJSONSchema(Args) }];
  }

  call({ args, run }: ToolRequest): Promise<Json> {
    return this.database.query(
      `SELECT email, name FROM team.customers
       WHERE project_id = $1 AND strpos(lower(name), lower($2)) > 0 ORDER BY email LIMIT 10`,
      [run.projectId, Args.parse(args).name],
    );
  }
}
