import { z } from 'zod';
import { ProjectId } from './execution.js';
import { Json, PlainText, Timestamp } from './json.js';
import { orNull } from './or-null.js';

/** Name of a secret or a variable. It can be written as it is in `{{secrets.NAME}}` and `{{vars.NAME}}`. */
export const ValueName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'may contain letters, digits and _ and must start with a letter or _')
  .meta({ examples: ['CRM_TOKEN'] });

export const SECRET_MIN_LENGTH = 8;
export const SECRET_MAX_LENGTH = 16_384;

/** A host to which a secret may be sent: `api.example.com`, `*.example.com`, or either with a port. */
export const AllowedHost = z
  .string()
  .max(260)
  .toLowerCase()
  .regex(
    /^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?$|^\[[0-9a-f:.]+\](?::[0-9]{1,5})?$/,
    'must be a host such as api.example.com, *.example.com or api.example.com:8443',
  );

/** Body of `PUT /api/secrets/:projectId/:name`. */
export const PutSecret = z
  .strictObject({
    value: PlainText.min(SECRET_MIN_LENGTH, `must have at least ${SECRET_MIN_LENGTH} characters`).max(
      SECRET_MAX_LENGTH,
    ),
    allowedHosts: orNull(z.array(AllowedHost).min(1).max(50)).meta({
      description: 'The only hosts to which the secret may be sent. Without it: any host.',
    }),
  })
  .meta({ id: 'PutSecret' });
export type PutSecret = z.infer<typeof PutSecret>;

/** A secret without its value, which no route returns. */
export const Secret = z
  .object({
    projectId: ProjectId,
    name: ValueName,
    allowedHosts: z.array(z.string()).nullable(),
    createdAt: Timestamp,
    updatedAt: Timestamp.meta({ description: 'When its value was last set.' }),
    updatedBy: z.string(),
  })
  .meta({ id: 'Secret' });
export type Secret = z.infer<typeof Secret>;

export const ListValues = z.strictObject({ projectId: ProjectId }).meta({ id: 'ListValues' });
export type ListValues = z.infer<typeof ListValues>;

export const SecretList = z.object({ secrets: z.array(Secret) }).meta({ id: 'SecretList' });
export type SecretList = z.infer<typeof SecretList>;

/** Body of `PUT /api/variables/:projectId/:name`. */
export const PutVariable = z.strictObject({ value: Json }).meta({ id: 'PutVariable' });
export type PutVariable = z.infer<typeof PutVariable>;

export const Variable = z
  .object({
    projectId: ProjectId,
    name: ValueName,
    value: Json,
    createdAt: Timestamp,
    updatedAt: Timestamp,
    updatedBy: z.string(),
  })
  .meta({ id: 'Variable' });
export type Variable = z.infer<typeof Variable>;

export const VariableList = z.object({ variables: z.array(Variable) }).meta({ id: 'VariableList' });
export type VariableList = z.infer<typeof VariableList>;
