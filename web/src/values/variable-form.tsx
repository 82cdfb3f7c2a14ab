import type { Variable } from '@cloutagent/client/admin';
import { useState } from 'react';
import { parseTyped } from '../projects/json-text.js';
import { ResourceForm } from '../projects/resource-form.js';
import { useAdmin } from '../projects/use-admin.js';
import { CodeField } from '../ui/code-field.js';
import { TextField } from '../ui/text-field.js';

interface Props {
  project: string;
  /** The variable to change; undefined for a new one. */
  variable: Variable | undefined;
  onDone: () => void;
  onCancel: () => void;
}

export function VariableForm({ project, variable, onDone, onCancel }: Props) {
  const admin = useAdmin();
  const [name, setName] = useState(variable?.name ?? '');
  const [text, setText] = useState(variable ? JSON.stringify(variable.value, undefined, 2) : '');
  return (
    <ResourceForm
      title={variable ? `Change the variable ${variable.name}` : 'New variable'}
      submitLabel="Set variable"
      failed="The variable was not set."
      action={() => admin.variables.set(project, name.trim(), parseTyped(text))}
      onDone={onDone}
      onCancel={onCancel}
    >
      {(problemOf) => (
        <>
          <TextField
            label="Name"
            hint="Letters, digits and _, such as REGION"
            problem={problemOf('name')}
            value={name}
            onType={setName}
            isCode
            required
            maxLength={64}
            readOnly={variable !== undefined}
            autoFocus={variable === undefined}
          />
          <CodeField
            label="Value"
            hint="JSON. A text that is not JSON is the value itself. Empty: null"
            problem={problemOf('value')}
            value={text}
            onType={setText}
            autoFocus={variable !== undefined}
          />
        </>
      )}
    </ResourceForm>
  );
}
