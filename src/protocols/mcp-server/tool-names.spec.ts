import fc from 'fast-check';
import { toolName, workflowOf } from './tool-names.js';

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,80}$/);

it('toolName is the name of the workflow, after the project if the credential has several', () => {
  expect(toolName('compare', undefined)).toBe('compare');
  expect(toolName('compare', 'demo')).toBe('demo__compare');
});

it.each([
  ['a.b', undefined, /^a_b-[0-9a-f]{10}$/],
  ['a', 'team:1', /^team_1__a-[0-9a-f]{10}$/],
  ['b__c', 'a', /^a__b__c-[0-9a-f]{10}$/],
  ['x'.repeat(100), undefined, /^x{53}-[0-9a-f]{10}$/],
])('toolName of %s in project %s ends with a hash', (workflow, projectId, pattern) => {
  expect(toolName(workflow, projectId)).toMatch(pattern);
});

it('toolName gives different workflows different names that every model provider accepts', () => {
  const workflows = fc.uniqueArray(fc.tuple(name, fc.constantFrom('a', 'a_', 'a__b', 'a.b', 'A')), {
    minLength: 2,
    selector: ([workflow, project]) => `${project}/${workflow}`,
  });
  fc.assert(
    fc.property(workflows, (all) => {
      const names = all.map(([workflow, project]) => toolName(workflow, project));
      expect(new Set(names).size).toBe(all.length);
      for (const each of names) expect(each).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    }),
  );
  const near = [
    ['b__c', 'a'],
    ['c', 'a__b'],
    ['_b', 'a_'],
    ['b', 'a__'],
  ] as const;
  expect(new Set(near.map(([workflow, project]) => toolName(workflow, project))).size).toBe(4);
});

it('workflowOf finds the workflow of every name without a hash', () => {
  fc.assert(
    fc.property(name, fc.option(name, { nil: undefined }), (workflow, projectId) => {
      const tool = toolName(workflow, projectId);
      const found = workflowOf(tool, projectId === undefined ? 'only' : undefined);
      if (found) expect(found).toEqual({ projectId: projectId ?? 'only', workflow });
      else expect(tool).toMatch(/-[0-9a-f]{10}$/);
    }),
  );
});
