import { Injectable } from '@nestjs/common';
import { z } from 'zod';

/** The settings of this module. A wrong one stops the start. */
@Injectable()
export class TeamSettings {
  readonly webhookUrl = setting('TEAM_WEBHOOK_URL', z.url({ protocol: /^https?$/ }));
  readonly gatewayUrl = setting('TEAM_GATEWAY_URL', z.url({ protocol: /^https?$/ }));
  readonly gatewayKey = setting('TEAM_GATEWAY_KEY', z.string().min(8));
  readonly proxyAddress = setting('TEAM_PROXY_ADDRESS', z.union([z.ipv4(), z.ipv6()]));
}

function setting(name: string, schema: z.ZodType<string>): string {
  const { success, data, error } = schema.safeParse(process.env[name]);
  if (success) return data;
  throw new Error(`Set ${name}, as in the file .env.example: ${error.issues[0]?.message}.`);
}
