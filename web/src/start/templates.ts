import approval from '../../../examples/approval.json?raw';
import compare from '../../../examples/compare.json?raw';
import data from '../../../examples/data.json?raw';
import failure from '../../../examples/failure.json?raw';
import retry from '../../../examples/retry.json?raw';

export interface Template {
  name: string;
  about: string;
  /** The request, as it is in examples/. */
  text: string;
}

/** What one can start from; `compare` is there at first. */
export const TEMPLATES: readonly Template[] = [
  { name: 'Compare', about: 'Two agents in parallel and one that joins them.', text: compare },
  { name: 'Approval', about: 'A draft that waits for a person’s yes.', text: approval },
  {
    name: 'Think and retry',
    about: 'A transform, then an agent that thinks and needs a second attempt.',
    text: retry,
  },
  {
    name: 'Data',
    about: 'HTTP, transform, delay, agent. Asks GitHub, so it needs the internet.',
    text: data,
  },
  { name: 'Failure', about: 'A model that stays down: what a failed execution looks like.', text: failure },
];
