import { z } from 'zod';
import { ProjectId } from './execution.js';
import { PlainText, Timestamp } from './json.js';
import { orNull } from './or-null.js';
import { WorkflowRef } from './workflow-ref.js';

/** The scopes of the server itself. Modules of other teams declare further ones. */
export const SCOPES = [
  'executions:read',
  'executions:write',
  'executions:control',
  'waits:answer-any',
  'keys:manage',
  'listeners:manage',
  'workflows:read',
  'workflows:write',
  'secrets:use',
  'secrets:manage',
  'webhooks:manage',
  'schedules:manage',
  'triggers:manage',
] as const;

/** A scope of the server, or one that a module declares. The server refuses a name that no module declares. */
export type Scope = (typeof SCOPES)[number] | (string & {});
export const SCOPE_MAX_LENGTH = 64;
export const Scope: z.ZodType<Scope, Scope> = z
  .string()
  .min(1)
  .max(SCOPE_MAX_LENGTH)
  .meta({
    id: 'Scope',
    description: `A permission: ${SCOPES.join(', ')}, or a scope that a module of this server declares.`,
    examples: ['executions:read'],
  });

/** Projects that a credential may use. `*` means all. */
const Projects = z
  .array(z.union([z.literal('*'), ProjectId]))
  .min(1)
  .max(100);

/** The saved workflows that a credential may start. */
const Workflows = z.array(WorkflowRef).min(1).max(100).meta({
  description:
    'The only saved workflows that the key may start. A name alone allows all versions; name@3 and name@production allow that version. Such a key cannot post a graph, change one in a re-run, or raise limits.',
});

export const CreateApiKey = z
  .strictObject({
    name: PlainText.min(1).max(100),
    projects: Projects,
    scopes: z.array(Scope).min(1).max(100),
    workflows: orNull(Workflows),
    expiresAt: orNull(Timestamp),
  })
  .meta({ id: 'CreateApiKey' });
export type CreateApiKey = z.infer<typeof CreateApiKey>;

export const ApiKey = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z.string().meta({ description: 'The first characters of the key, to recognise it.' }),
    projects: Projects,
    scopes: z.array(Scope),
    workflows: Workflows.optional().meta({
      description: 'The only saved workflows that the key may start. Left out if it is not limited to some.',
    }),
    createdAt: Timestamp,
    expiresAt: Timestamp.nullable(),
    revokedAt: Timestamp.nullable(),
    lastUsedAt: Timestamp.nullable(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.infer<typeof ApiKey>;

/** The principal of a credential, and its permissions. */
export const Me = z
  .object({
    id: z.string().meta({
      description:
        'The principal, `key:<key id>`, `jwt:…` or `<authentication strategy>:…`. Events use the same value in `by`.',
    }),
    name: z
      .string()
      .nullable()
      .meta({ description: "The API key's name. Usually null for other credentials." }),
    projects: z.array(z.union([z.literal('*'), ProjectId])),
    scopes: z.array(Scope),
    workflows: Workflows.optional().meta({
      description: 'The only saved workflows that it may start. Left out if it is not limited to some.',
    }),
    expiresAt: Timestamp.nullable(),
  })
  .meta({ id: 'Me' });
export type Me = z.infer<typeof Me>;

export const CreatedApiKey = ApiKey.extend({
  key: z.string().meta({ description: 'The key itself. It is shown only in this response.' }),
}).meta({ id: 'CreatedApiKey' });
export type CreatedApiKey = z.infer<typeof CreatedApiKey>;

export const ApiKeyList = z.object({ keys: z.array(ApiKey) }).meta({ id: 'ApiKeyList' });
export type ApiKeyList = z.infer<typeof ApiKeyList>;
