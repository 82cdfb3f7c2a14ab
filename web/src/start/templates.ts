import approval from '../../../examples/approval.json?raw';
import branch from '../../../examples/branch.json?raw';
import compare from '../../../examples/compare.json?raw';
import data from '../../../examples/data.json?raw';
import errorPath from '../../../examples/error-path.json?raw';
import failure from '../../../examples/failure.json?raw';
import retry from '../../../examples/retry.json?raw';

export interface Template {
  name: string;
  about: string;
  /** The request, from examples/. */
  text: string;
}

/** Templates of the start page. The first one is in the editor at the beginning. */
export const TEMPLATES: readonly Template[] = [
  {
    name: 'Compare',
    about: 'Two agents in parallel, and a third one that combines their outputs.',
    text: compare,
  },
  { name: 'Approval', about: 'A draft that waits for the approval of a person.', text: approval },
  {
    name: 'Branch',
    about: 'A condition on an edge decides which of two agents answers; the other one is skipped.',
    text: branch,
  },
  {
    name: 'Error path',
    about: 'A node that fails, and an edge that handles the failure.',
    text: errorPath,
  },
  {
    name: 'Think and retry',
    about: 'A transform, then an agent that thinks and needs a second attempt.',
    text: retry,
  },
  {
    name: 'Data',
    about: 'HTTP, transform, delay and agent nodes. Calls GitHub, so it needs internet access.',
    text: data,
  },
  {
    name: 'Failure',
    about: 'A model that is always unavailable, to show a failed execution.',
    text: failure,
  },
];
