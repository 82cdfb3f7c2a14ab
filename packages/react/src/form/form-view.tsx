import { type ReactNode, useId } from 'react';
import { visibleText } from '../monitor/visible-text.js';
import type { ChoiceField, FormField, GroupField, ListField, NumberField, TextField } from './form-fields.js';
import { type FieldProblem, initialOf, problemsOf, type Typed } from './form-values.js';

export interface FormViewProps<Field extends FormField = FormField> {
  field: Field;
  typed: Typed;
  onChange: (typed: Typed) => void;
  /** Problems of this field, with paths below it. */
  problems: readonly FieldProblem[];
}

/** Shows the field of a schema: a group of fields, or one field. Labels and texts of the schema are shown as text only. */
export function FormView(props: FormViewProps): ReactNode {
  const { field } = props;
  switch (field.kind) {
    case 'group':
      return <Group {...props} field={field} />;
    case 'list':
      return <List {...props} field={field} />;
    case 'boolean':
      return <Check {...props} />;
    default:
      return <Labelled {...props} />;
  }
}

/** The attributes that connect an input with its label, description and problem. */
interface InputAttributes {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
  'aria-required': boolean | undefined;
}

/** A field with one input below its label. */
function Labelled({ field, typed, onChange, problems }: FormViewProps): ReactNode {
  const { id, attributes, notes } = useNotes(field, problems);
  return (
    <div className="ca-field">
      <label htmlFor={id}>
        <Title field={field} />
      </label>
      <Input field={field} typed={typed} onChange={onChange} attributes={attributes} />
      {notes}
    </div>
  );
}

function useNotes({ description, required, kind }: FormField, problems: readonly FieldProblem[]) {
  const id = useId();
  const wrong = problems.length > 0;
  const describedBy = [description !== undefined && `${id}-about`, wrong && `${id}-wrong`].filter(Boolean);
  const attributes: InputAttributes = {
    id,
    'aria-describedby': describedBy.length > 0 ? describedBy.join(' ') : undefined,
    'aria-invalid': wrong || undefined,
    'aria-required': (required && kind !== 'boolean') || undefined,
  };
  const notes = (
    <>
      {description !== undefined && (
        <span id={`${id}-about`} className="ca-note">
          <bdi>{visibleText(description)}</bdi>
        </span>
      )}
      {wrong && (
        <span id={`${id}-wrong`} className="ca-field-problem">
          {problems.map(({ message }) => visibleText(message)).join(' ')}
        </span>
      )}
    </>
  );
  return { id, attributes, notes };
}

function Title({ field: { title, required, kind } }: { field: FormField }): ReactNode {
  return (
    <>
      <bdi>{visibleText(title)}</bdi>
      {!required && kind !== 'boolean' && <span className="ca-note"> (optional)</span>}
    </>
  );
}

interface InputProps {
  field: FormField;
  typed: Typed;
  onChange: (typed: Typed) => void;
  attributes: Partial<InputAttributes> & { 'aria-label'?: string };
}

function Input({ field, typed, onChange, attributes }: InputProps): ReactNode {
  const common = { ...attributes, className: 'ca-input' };
  const value = typeof typed === 'string' ? typed : '';
  const change = ({ target }: { target: { value: string } }): void => onChange(target.value);
  switch (field.kind) {
    case 'choice':
      return <Choice field={field} value={value} common={common} onChange={onChange} />;
    case 'number':
      return <input {...common} {...numberAttributes(field)} value={value} onChange={change} />;
    case 'text':
      return field.input === 'long-text' ? (
        <textarea {...common} rows={4} maxLength={field.maxLength} value={value} onChange={change} />
      ) : (
        <input {...common} {...textAttributes(field)} value={value} onChange={change} />
      );
    default:
      return (
        <textarea
          {...common}
          className="ca-input ca-code"
          rows={5}
          spellCheck={false}
          placeholder="JSON"
          value={value}
          onChange={change}
        />
      );
  }
}

/** A text input, not `type="number"`: that one drops what is no number, and changes when the user scrolls. */
const numberAttributes = ({ integer }: NumberField) =>
  ({ type: 'text', inputMode: integer ? 'numeric' : 'decimal', autoComplete: 'off' }) as const;

const INPUT_TYPES = {
  text: 'text',
  'long-text': 'text',
  date: 'date',
  time: 'time',
  'date-time': 'datetime-local',
  email: 'email',
  url: 'url',
} as const;
const textAttributes = ({ input, maxLength }: TextField) => ({
  type: INPUT_TYPES[input],
  maxLength,
  ...((input === 'date-time' || input === 'time') && { step: 1 }),
});

interface ChoiceProps {
  field: ChoiceField;
  value: string;
  common: object;
  onChange: (typed: Typed) => void;
}

function Choice({ field, value, common, onChange }: ChoiceProps): ReactNode {
  return (
    <select {...common} value={value} onChange={({ target }) => onChange(target.value)}>
      <option value="">{field.required ? 'Choose…' : 'None'}</option>
      {field.choices.map(({ label }, index) => (
        <option key={index} value={String(index)}>
          {visibleText(label)}
        </option>
      ))}
    </select>
  );
}

function Check({ field, typed, onChange, problems }: FormViewProps): ReactNode {
  const { id, attributes, notes } = useNotes(field, problems);
  return (
    <div className="ca-field">
      <span className="ca-check">
        <input
          {...attributes}
          type="checkbox"
          checked={typed === true}
          onChange={({ target }) => onChange(target.checked)}
        />
        <label htmlFor={id}>
          <Title field={field} />
        </label>
      </span>
      {notes}
    </div>
  );
}

function Group({ field, typed, onChange, problems }: FormViewProps<GroupField>): ReactNode {
  const members = typed as { readonly [name: string]: Typed };
  const names = new Set(field.fields.map(({ name }) => name));
  // Problems of the group itself, and of members that have no field.
  const own = problems.filter(({ path }) => path[0] === undefined || !names.has(path[0]));
  const fields = field.fields.map((one) => (
    <FormView
      key={one.name}
      field={one}
      typed={members[one.name] ?? ''}
      onChange={(value) => onChange({ ...members, [one.name]: value })}
      problems={problemsOf(problems, one.name)}
    />
  ));
  const notes = (
    <>
      {field.description !== undefined && (
        <span className="ca-note">
          <bdi>{visibleText(field.description)}</bdi>
        </span>
      )}
      {own.length > 0 && (
        <span className="ca-field-problem">
          {own
            .map(({ path, message }) => visibleText([path.join('.'), message].filter(Boolean).join(' ')))
            .join(' ')}
        </span>
      )}
    </>
  );
  // The outermost group is the form itself, which has a heading already.
  if (field.name === '')
    return (
      <div className="ca-fields">
        {notes}
        {fields}
      </div>
    );
  return (
    <fieldset className="ca-fields ca-group">
      <legend>
        <Title field={field} />
      </legend>
      {notes}
      {fields}
    </fieldset>
  );
}

function List({ field, typed, onChange, problems }: FormViewProps<ListField>): ReactNode {
  const id = useId();
  const items = Array.isArray(typed) ? (typed as readonly Typed[]) : [];
  const own = problems.filter(({ path }) => path[0] === undefined);
  const { item } = field;
  return (
    <fieldset className="ca-fields ca-group">
      <legend>
        <Title field={field} />
      </legend>
      {field.description !== undefined && (
        <span className="ca-note">
          <bdi>{visibleText(field.description)}</bdi>
        </span>
      )}
      {own.length > 0 && (
        <span className="ca-field-problem">{own.map(({ message }) => visibleText(message)).join(' ')}</span>
      )}
      {items.map((value, index) => {
        const wrong = problemsOf(problems, String(index));
        const label = `${visibleText(field.title)}, item ${index + 1}`;
        const attributes = {
          'aria-label': label,
          'aria-invalid': wrong.length > 0 || undefined,
          'aria-describedby': wrong.length > 0 ? `${id}-${index}` : undefined,
        };
        const change = (next: Typed): void => onChange(items.map((old, at) => (at === index ? next : old)));
        return (
          <div key={index} className="ca-field">
            <span className="ca-item">
              {item.kind === 'boolean' ? (
                <input
                  {...attributes}
                  type="checkbox"
                  checked={value === true}
                  onChange={({ target }) => change(target.checked)}
                />
              ) : (
                <Input field={item} typed={value} onChange={change} attributes={attributes} />
              )}
              <button
                type="button"
                className="ca-button ca-small"
                aria-label={`Remove ${label}`}
                onClick={() => onChange(items.filter((_old, at) => at !== index))}
              >
                Remove
              </button>
            </span>
            {wrong.length > 0 && (
              <span id={`${id}-${index}`} className="ca-field-problem">
                {wrong.map(({ message }) => visibleText(message)).join(' ')}
              </span>
            )}
          </div>
        );
      })}
      <button
        type="button"
        className="ca-button ca-small ca-more"
        onClick={() => onChange([...items, initialOf(item)])}
      >
        Add to {visibleText(field.title)}
      </button>
    </fieldset>
  );
}
