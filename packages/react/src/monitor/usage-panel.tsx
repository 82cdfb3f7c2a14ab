import type { ReactNode } from 'react';
import type { ExecutionSnapshot } from '../store/snapshot.js';
import { formatCost, formatCount } from './format.js';
import { Section } from './section.js';
import { visibleText } from './visible-text.js';

type UsagePanelProps = Pick<ExecutionSnapshot, 'tokenUsage' | 'costUSD' | 'modelUsage'>;

/** Shows tokens and cost, in total and by model. */
export function UsagePanel({ tokenUsage, costUSD, modelUsage }: UsagePanelProps): ReactNode {
  const models = Object.entries(modelUsage);
  return (
    <Section title="Tokens and cost">
      <dl className="ca-figures">
        <Figure name="Input tokens" value={formatCount(tokenUsage.input)} />
        <Figure name="Output tokens" value={formatCount(tokenUsage.output)} />
        <Figure name="Total tokens" value={formatCount(tokenUsage.total)} />
        <Figure name="Cost" value={formatCost(costUSD)} />
      </dl>
      {models.length > 0 && (
        <div className="ca-table-box" role="group" aria-label="Usage by model" tabIndex={0}>
          <table className="ca-table">
            <thead>
              <tr>
                <th scope="col">Model</th>
                <th scope="col">Input</th>
                <th scope="col">Output</th>
                <th scope="col">Cost</th>
              </tr>
            </thead>
            <tbody>
              {models.map(([model, { input, output, costUSD: cost }]) => (
                <tr key={model}>
                  <th scope="row">
                    <bdi>{visibleText(model)}</bdi>
                  </th>
                  <td>{formatCount(input)}</td>
                  <td>{formatCount(output)}</td>
                  <td>{formatCost(cost)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

function Figure({ name, value }: { name: string; value: string }): ReactNode {
  return (
    <div className="ca-figure">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
