import { AuthStrategy, type AuthStrategyHandler, InvalidCredentialsError } from '@cloutagent/server';
import type { Principal } from '@cloutagent/server';
import type { Request } from 'express';
import { TeamDatabase } from './team-database.js';
import { TeamSettings } from './team-settings.js';

const SCOPES = ['executions:read', 'executions:write', 'customers:read'];

/** Behind a proxy that checks client certificates, and replaces this header in every request. */
@AuthStrategy('mtls')
export class MtlsStrategy implements AuthStrategyHandler {
  constructor(
    private readonly database: TeamDatabase,
    private readonly settings: TeamSettings,
  ) {}

  async authenticate(request: Request): Promise<Principal | undefined> {
    const subject = request.get('X-Client-Cert-Subject');
    const address = request.socket.remoteAddress?.replace('::ffff:', '');
    if (!subject || address !== this.settings.proxyAddress) return undefined;
    const sql = 'SELECT project_id FROM team.certificates WHERE subject = $1';
    const rows = await this.database.query<{ project_id: string }>(sql, [subject]);
    if (rows.length === 0) throw new InvalidCredentialsError();
    return { id: subject, projects: rows.map((row) => row.project_id), scopes: SCOPES, expiresAt: null };
  }
}
