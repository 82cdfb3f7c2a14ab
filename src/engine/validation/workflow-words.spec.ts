import { Workflow } from '@cloutagent/contract';
import fc from 'fast-check';
import { checkWords } from './workflow-words.js';

type Place = 'workflow' | 'node' | 'data' | 'edge';

const PATHS: Record<Place, string> = {
  workflow: '',
  node: 'nodes.1.',
  data: 'nodes.1.data.',
  edge: 'edges.0.',
};

/** Returns the problems of a workflow that has additional members in one place, each as `path: message`. */
function problemsWith(place: Place, members: Record<string, unknown>): string[] {
  const added = (here: Place) => (here === place ? members : {});
  const workflow = Workflow.parse({
    nodes: [
      { id: 'a', type: 'delay' },
      { id: 'b', type: 'delay', data: { label: 'B', ...added('data') }, ...added('node') },
    ],
    edges: [{ id: 'e', source: 'a', target: 'b', ...added('edge') }],
    ...added('workflow'),
  });
  return checkWords(workflow).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

it.each<[Place, string, string]>([
  ['edge', 'wehn', 'when'],
  ['edge', 'hwen', 'when'],
  ['edge', 'When', 'when'],
  ['edge', 'whenn', 'when'],
  ['edge', 'whn', 'when'],
  ['edge', 'On', 'on'],
  ['edge', 'Otherwise', 'otherwise'],
  ['edge', 'other_wise', 'otherwise'],
  ['edge', 'otherwse', 'otherwise'],
  ['edge', 'oterwize', 'otherwise'],
  ['edge', 'therwise', 'otherwise'],
  ['data', 'timeoutMS', 'timeoutMs'],
  ['data', 'timeout_ms', 'timeoutMs'],
  ['data', 'timeout', 'timeoutMs'],
  ['data', 'timoutMs', 'timeoutMs'],
  ['data', 'maxRetires', 'maxRetries'],
  ['data', 'max-retries', 'maxRetries'],
  ['data', 'retries', 'maxRetries'],
  ['data', 'jion', 'join'],
  ['data', 'Retry', 'retry'],
  ['data', 'rerty', 'retry'],
  ['data', 'retrys', 'retry'],
  ['data', 'retryPolicy', 'retry'],
  ['data', 'retry_policy', 'retry'],
  ['data', 'onexhausted', 'onExhausted'],
  ['data', 'on_exhausted', 'onExhausted'],
  ['data', 'onExausted', 'onExhausted'],
  ['data', 'onExhaust', 'onExhausted'],
  ['data', 'Join', 'join'],
  ['data', 'conifg', 'config'],
  ['data', 'configs', 'config'],
  ['data', 'lable', 'label'],
  ['node', 'Data', 'data'],
  ['node', 'dat', 'data'],
  ['node', 'timeoutMs', 'data.timeoutMs'],
  ['node', 'maxRetries', 'data.maxRetries'],
  ['node', 'retries', 'data.maxRetries'],
  ['node', 'join', 'data.join'],
  ['node', 'retry', 'data.retry'],
  ['node', 'retryPolicy', 'data.retry'],
  ['node', 'onExhausted', 'data.onExhausted'],
  ['workflow', 'edge', 'edges'],
  ['workflow', 'egdes', 'edges'],
])('refuses in a %s the member %s, which is nearly %s', (place, name, word) => {
  expect(problemsWith(place, { [name]: 1 })).toEqual([`${PATHS[place]}${name}: did you mean ${word}?`]);
});

it.each<[Place, string, unknown]>([
  ['edge', 'on', 'success'],
  ['edge', 'on', 'error'],
  ['edge', 'on', 'always'],
  ['edge', 'on', null],
  ['edge', 'when', 'input.ok'],
  ['edge', 'when', null],
  ['edge', 'otherwise', true],
  ['edge', 'otherwise', false],
  ['edge', 'otherwise', null],
  ['data', 'join', 'any'],
  ['data', 'join', null],
  ['data', 'retry', { maxRetries: 3, on: ['timeout'] }],
  ['data', 'retry', null],
  ['data', 'onExhausted', 'wait'],
  ['data', 'onExhausted', null],
])('accepts in a %s the word %s with %j', (place, name, value) => {
  expect(problemsWith(place, { [name]: value })).toEqual([]);
});

it.each<[Place, string]>([
  ['node', 'positionX'],
  ['node', 'position2'],
  ['node', 'data2'],
  ['data', 'config2'],
])('accepts in a %s the member %s, as applications name members of their own', (place, name) => {
  expect(problemsWith(place, { [name]: 1 })).toEqual([]);
});

/** The members of the types Node and Edge of @xyflow/react 12 and reactflow 11, and of ReactFlowJsonObject. */
const REACT_FLOW: Record<'workflow' | 'node' | 'edge', string> = {
  node:
    'position measured selected dragging draggable selectable connectable deletable hidden zIndex parentId ' +
    'parentNode extent expandParent sourcePosition targetPosition className style ariaLabel ariaRole domAttributes ' +
    'focusable origin handles width height initialWidth initialHeight positionAbsolute dragHandle resizing',
  edge:
    'type sourceHandle targetHandle animated hidden deletable selectable data selected markerStart markerEnd zIndex ' +
    'ariaLabel ariaRole domAttributes interactionWidth label labelStyle labelShowBg labelBgStyle labelBgPadding ' +
    'labelBgBorderRadius style className focusable pathOptions reconnectable updatable sourceNode targetNode',
  workflow: 'viewport',
};
/** Data of applications: Langflow, Flowise, Dify, and what the documentation of React Flow uses as examples. */
const OF_APPLICATIONS =
  'name title desc description icon color value text content onChange onClick onDelete node nodes inputs outputs ' +
  'version category baseClasses showNode display_name type id date tags notes status kind group collapsed then else ' +
  'if condition conditions in no one own joint-venture coin formData metadata dateFormat labels toolTip where';

it.each(Object.keys(REACT_FLOW) as (keyof typeof REACT_FLOW)[])(
  "accepts React Flow's own members of a %s",
  (place) => {
    const position = { x: 0, y: 0 };
    const members = REACT_FLOW[place].split(' ').map((name) => [name, name === 'position' ? position : null]);
    expect(problemsWith(place, Object.fromEntries(members) as Record<string, unknown>)).toEqual([]);
  },
);

it.each(['workflow', 'node', 'data', 'edge'] as const)(
  'accepts members that applications have in a %s',
  (place) => {
    const nodes = place === 'workflow' ? ['nodes'] : [];
    const names = OF_APPLICATIONS.split(' ').filter(
      (name) => !nodes.includes(name) && !(place === 'node' && (name === 'id' || name === 'type')),
    );
    expect(problemsWith(place, Object.fromEntries(names.map((name) => [name, null])))).toEqual([]);
  },
);

it('accepts members with names of Object.prototype', () => {
  const members = JSON.parse('{"__proto__":1,"constructor":1,"toString":1,"hasOwnProperty":1}') as object;
  for (const place of ['workflow', 'node', 'data', 'edge'] as const)
    expect(problemsWith(place, { ...members })).toEqual([]);
});

it('accepts every name that is far from all words', () => {
  const far = fc.string({ minLength: 14 }).filter((name) => name.replaceAll(/[-_]/g, '').length >= 14);
  fc.assert(
    fc.property(fc.constantFrom<Place>('workflow', 'node', 'data', 'edge'), far, (place, name) => {
      expect(problemsWith(place, { [name]: 1 })).toEqual([]);
    }),
  );
});

it('refuses every word with two neighbouring letters exchanged', () => {
  const words: [Place, string][] = [
    ['edge', 'when'],
    ['edge', 'otherwise'],
    ['data', 'timeoutMs'],
    ['data', 'maxRetries'],
    ['data', 'config'],
    ['data', 'join'],
    ['data', 'retry'],
    ['data', 'onExhausted'],
    ['node', 'data'],
    ['workflow', 'edges'],
  ];
  fc.assert(
    fc.property(fc.constantFrom(...words), fc.nat(10), ([place, word], at) => {
      const exchanged = word.slice(0, at) + (word[at + 1] ?? '') + (word[at] ?? '') + word.slice(at + 2);
      if (exchanged === word) return;
      const message = `${PATHS[place]}${exchanged}: did you mean ${word}?`;
      expect(problemsWith(place, { [exchanged]: {} })).toEqual([message]);
    }),
  );
});
