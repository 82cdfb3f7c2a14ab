import { memo, type ReactNode } from 'react';
import type { ExecutionSnapshot, NodeView } from '../store/snapshot.js';
import { incompleteText } from '../store/finish.js';
import { Disclosure } from './disclosure.js';
import { formatCounted } from './format.js';
import { Section } from './section.js';
import { StatusBadge } from './status-badge.js';
import { TailList } from './tail-list.js';
import { TextPane } from './text-pane.js';
import { visibleText } from './visible-text.js';

/** Number of latest nodes whose output is open. The output of running and failed nodes is open too. */
const MAX_OPEN = 4;

/** Shows the output of each node as it arrives. */
export function NodeList({ nodes, caughtUp }: Pick<ExecutionSnapshot, 'nodes' | 'caughtUp'>): ReactNode {
  const withOutput = nodes.filter(({ output, thinking }) => output.length + thinking.length > 0);
  if (withOutput.length === 0) return null;
  const latest = new Set(withOutput.slice(-MAX_OPEN));
  return (
    <Section title="Output">
      <TailList entries={withOutput} className="ca-nodes">
        {(node) => (
          <NodeItem
            key={node.nodeId}
            node={node}
            live={caughtUp && node.step?.status === 'running'}
            open={latest.has(node) || node.step?.status === 'running' || node.step?.status === 'failed'}
          />
        )}
      </TailList>
    </Section>
  );
}

interface NodeItemProps {
  node: NodeView;
  /** Whether the node's texts are still growing. */
  live: boolean;
  open: boolean;
}

const NodeItem = memo(function NodeItem({ node, live, open }: NodeItemProps): ReactNode {
  const { nodeId, step, output, thinking } = node;
  const incomplete = step?.status === 'completed' ? incompleteText(step) : undefined;
  const summary = (
    <>
      <bdi className="ca-step-name">{nodeId}</bdi> {step && <StatusBadge status={step.status} />}
    </>
  );
  return (
    <li className="ca-node">
      <Disclosure summary={summary} open={open}>
        {() => (
          <>
            {thinking.length > 0 && (
              <Disclosure
                className="ca-thinking"
                summary={`Thinking (${formatCounted(thinking.length, 'character')})`}
              >
                {() => <TextPane text={thinking} label={`thinking of ${nodeId}`} live={live} />}
              </Disclosure>
            )}
            {output.length > 0 && <TextPane text={output} label={`output of ${nodeId}`} live={live} />}
            {incomplete !== undefined && (
              <p className="ca-warning">
                <bdi>{visibleText(incomplete)}</bdi>
              </p>
            )}
          </>
        )}
      </Disclosure>
    </li>
  );
});
