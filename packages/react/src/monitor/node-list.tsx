import { memo, type ReactNode } from 'react';
import type { ExecutionSnapshot, NodeView } from '../store/snapshot.js';
import { Disclosure } from './disclosure.js';
import { formatCounted } from './format.js';
import { Section } from './section.js';
import { StatusBadge } from './status-badge.js';
import { TailList } from './tail-list.js';
import { TextPane } from './text-pane.js';

/** So many nodes' output stands open; of more, those that run and the latest. */
const OPEN = 4;

/** What each node puts out, as it comes. */
export function NodeList({ nodes, caughtUp }: Pick<ExecutionSnapshot, 'nodes' | 'caughtUp'>): ReactNode {
  const speaking = nodes.filter(({ output, thinking }) => output.length + thinking.length > 0);
  if (speaking.length === 0) return null;
  const latest = new Set(speaking.slice(-OPEN));
  return (
    <Section title="Output">
      <TailList entries={speaking} className="ca-nodes">
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
  /** Whether its texts grow as one reads. */
  live: boolean;
  open: boolean;
}

const NodeItem = memo(function NodeItem({ node, live, open }: NodeItemProps): ReactNode {
  const { nodeId, step, output, thinking } = node;
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
          </>
        )}
      </Disclosure>
    </li>
  );
});
