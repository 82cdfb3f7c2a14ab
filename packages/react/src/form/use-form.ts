import type { Json } from '@cloutagent/contract';
import { useMemo, useState } from 'react';
import { fieldOf } from './form-fields.js';
import type { FormViewProps } from './form-view.js';
import { type FieldProblem, initialOf, valueOf } from './form-values.js';

export interface Form {
  /** Props of `FormView`. */
  readonly view: FormViewProps;
  /** Returns the typed value; undefined if a field has a problem, which the form then shows. */
  readonly read: () => { readonly value: Json | undefined } | undefined;
}

/**
 * Keeps what the user types into the form of a schema.
 * @param title title of a form of one value
 * @param serverProblems problems that the server has found in the last answer
 * @param initial the value that the form shows at first; default: that of the schema
 */
export function useForm(
  schema: unknown,
  title: string,
  serverProblems: readonly FieldProblem[],
  initial?: Json,
): Form {
  const field = useMemo(() => fieldOf(schema, title), [schema, title]);
  const [typed, setTyped] = useState(() => initialOf(field, initial ?? field.initial));
  const [problems, setProblems] = useState<readonly FieldProblem[]>([]);
  return {
    view: {
      field,
      typed,
      problems: problems.length > 0 ? problems : serverProblems,
      onChange: (next) => {
        setTyped(next);
        setProblems([]);
      },
    },
    read: () => {
      const { value, problems: found } = valueOf(field, typed);
      setProblems(found);
      return found.length > 0 ? undefined : { value };
    },
  };
}
