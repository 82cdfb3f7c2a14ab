import type { Trigger } from '@cloutagent/client/admin';
import { useState } from 'react';
import { ResourceForm } from '../projects/resource-form.js';
import { useAdmin } from '../projects/use-admin.js';
import { ChoiceField } from '../ui/choice-field.js';
import { CodeField } from '../ui/code-field.js';
import { TextField } from '../ui/text-field.js';

const SOURCES = [
  ['github', 'GitHub'],
  ['stripe', 'Stripe'],
  ['slack', 'Slack'],
  ['standard-webhooks', 'Standard Webhooks'],
  ['shared-secret', 'a sender with a shared secret'],
] as const;

interface Props {
  project: string;
  /** The trigger to change; undefined for a new one. */
  trigger: Trigger | undefined;
  onDone: () => void;
  onCancel: () => void;
}

export function TriggerForm({ project, trigger, onDone, onCancel }: Props) {
  const admin = useAdmin();
  const [name, setName] = useState(trigger?.name ?? '');
  const [workflowRef, setWorkflowRef] = useState(trigger?.workflowRef ?? '');
  const [source, setSource] = useState(trigger?.source ?? 'github');
  const [secret, setSecret] = useState(trigger?.secret ?? '');
  const [map, setMap] = useState(trigger?.map ?? '');
  const enabled = trigger?.enabled ?? true;
  return (
    <ResourceForm
      title={trigger ? `Change the trigger ${trigger.name}` : 'New trigger'}
      submitLabel="Set trigger"
      failed="The trigger was not set."
      action={() =>
        admin.triggers.set(project, name.trim(), {
          workflowRef: workflowRef.trim(),
          source,
          secret: secret.trim(),
          enabled,
          ...(map.trim() !== '' && { map }),
        })
      }
      onDone={onDone}
      onCancel={onCancel}
    >
      {(problemOf) => (
        <>
          <TextField
            label="Name"
            hint="Part of the address, such as github"
            problem={problemOf('name')}
            value={name}
            onType={setName}
            required
            maxLength={64}
            readOnly={trigger !== undefined}
            autoFocus={trigger === undefined}
          />
          <TextField
            label="Workflow"
            hint="A saved workflow, such as triage@production"
            problem={problemOf('workflowRef')}
            value={workflowRef}
            onType={setWorkflowRef}
            isCode
            required
            autoFocus={trigger !== undefined}
          />
          <ChoiceField
            label="Sender"
            hint="Decides how its requests are verified"
            problem={problemOf('source')}
            value={source}
            choices={SOURCES}
            onChoose={setSource}
          />
          <TextField
            label="Secret"
            hint="Name of a secret of the project, such as GITHUB"
            problem={problemOf('secret')}
            value={secret}
            onType={setSecret}
            isCode
            required
            maxLength={64}
          />
          <CodeField
            label="Input of the workflow"
            hint="JSONata over body, headers and query. Empty: the body"
            problem={problemOf('map')}
            value={map}
            onType={setMap}
          />
        </>
      )}
    </ResourceForm>
  );
}
