import { Workflow } from '@cloutagent/contract';
import fc from 'fast-check';
import type { Fate } from './graph-model.js';

export interface GraphCase {
  readonly workflow: Workflow;
  readonly fate: Fate;
}

interface EdgeChoice {
  readonly source: number;
  readonly target: number;
  readonly on: 'success' | 'error' | 'always' | undefined;
  readonly kind: 'plain' | 'when' | 'otherwise';
  readonly hasId: boolean;
  readonly value: boolean;
}

const edgeChoice = (size: number): fc.Arbitrary<EdgeChoice> =>
  fc.record({
    source: fc.nat(size - 2),
    target: fc.nat(size - 2),
    on: fc.constantFrom<EdgeChoice['on'][]>(undefined, undefined, 'success', 'error', 'always'),
    kind: fc.constantFrom<EdgeChoice['kind'][]>('plain', 'plain', 'when', 'otherwise'),
    hasId: fc.boolean(),
    value: fc.boolean(),
  });

/**
 * Random acyclic graphs with several edges between two nodes, in which every `otherwise` has a condition beside it, and what
 * happens to their nodes and conditions. The condition of edge i is `input.values[i]`.
 */
export const graphCase = (maxNodes: number): fc.Arbitrary<GraphCase> =>
  fc.integer({ min: 2, max: maxNodes }).chain((size) =>
    fc
      .record({
        edges: fc.array(edgeChoice(size), { maxLength: 3 * size }),
        joinsAny: fc.array(fc.boolean(), { minLength: size, maxLength: size }),
        fails: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: size, maxLength: size }),
        // The order of nodes in the workflow is not that in which they run.
        order: fc.shuffledSubarray(
          Array.from({ length: size }, (_, index) => index),
          { minLength: size },
        ),
      })
      .map(({ edges, joinsAny, fails, order }) => {
        const workflow = Workflow.parse({
          nodes: order.map((at) => ({
            id: `n${at}`,
            type: 'transform',
            data: { ...(joinsAny[at] && { join: 'any' }) },
          })),
          edges: withoutLoneOtherwise(edges).map(({ source, target, on, kind, hasId }, index) => ({
            ...(hasId && { id: `e${index}` }),
            source: `n${source}`,
            // Edges lead to nodes with a higher number, so there is no cycle.
            target: `n${source + 1 + (target % (size - source - 1))}`,
            ...(on && { on }),
            ...(kind === 'when' && { when: `input.values[${index}]` }),
            ...(kind === 'otherwise' && { otherwise: true }),
          })),
        });
        const fate = {
          fails: new Set(fails.flatMap((one, at) => (one === 0 ? [`n${at}`] : []))),
          values: withoutLoneOtherwise(edges).map(({ value }) => value),
        };
        return { workflow, fate };
      }),
  );

const outcomes = ({ on }: EdgeChoice): string[] =>
  on === 'always' ? ['success', 'error'] : [on ?? 'success'];

/** Posted workflows with such an edge are refused. */
const withoutLoneOtherwise = (edges: readonly EdgeChoice[]): EdgeChoice[] =>
  edges.filter(
    (edge) =>
      edge.kind !== 'otherwise' ||
      edges.some(
        (other) =>
          other.kind === 'when' &&
          other.source === edge.source &&
          outcomes(other).some((outcome) => outcomes(edge).includes(outcome)),
      ),
  );
