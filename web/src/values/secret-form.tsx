import type { Secret } from '@cloutagent/client/admin';
import { useRef, useState } from 'react';
import { ResourceForm } from '../projects/resource-form.js';
import { useAdmin } from '../projects/use-admin.js';
import { TextField } from '../ui/text-field.js';

interface Props {
  project: string;
  /** The secret to set again; undefined for a new one. */
  secret: Secret | undefined;
  onDone: () => void;
  onCancel: () => void;
}

/** Sets a secret. The value is only in the input itself, never in the state of the page, and is gone once it is sent. */
export function SecretForm({ project, secret, onDone, onCancel }: Props) {
  const admin = useAdmin();
  const [name, setName] = useState(secret?.name ?? '');
  const [hosts, setHosts] = useState(secret?.allowedHosts?.join(', ') ?? '');
  const value = useRef<HTMLInputElement>(null);
  const set = async () => {
    const input = value.current!;
    const allowedHosts = hosts
      .split(',')
      .map((host) => host.trim())
      .filter(Boolean);
    const sent = admin.secrets.set(project, name.trim(), {
      value: input.value,
      ...(allowedHosts.length > 0 && { allowedHosts }),
    });
    input.value = '';
    try {
      await sent;
    } catch (error) {
      input.focus();
      throw error;
    }
  };
  return (
    <ResourceForm
      title={secret ? `Change the secret ${secret.name}` : 'New secret'}
      submitLabel="Set secret"
      failed="The secret was not set. Type its value again."
      action={set}
      onDone={onDone}
      onCancel={onCancel}
    >
      {(problemOf) => (
        <>
          <TextField
            label="Name"
            hint="Letters, digits and _, such as CRM_TOKEN"
            problem={problemOf('name')}
            value={name}
            onType={setName}
            isCode
            required
            maxLength={64}
            readOnly={secret !== undefined}
            autoFocus={secret === undefined}
          />
          <TextField
            label="Value"
            hint="At least 8 characters. It is not shown again"
            problem={problemOf('value')}
            ref={value}
            isCode
            type="password"
            required
            autoFocus={secret !== undefined}
            autoComplete="new-password"
          />
          <TextField
            label="Allowed hosts"
            hint="The only hosts to which it may be sent, comma-separated. Empty: any"
            problem={problemOf('allowedHosts')}
            value={hosts}
            onType={setHosts}
          />
        </>
      )}
    </ResourceForm>
  );
}
