import type { ReactNode } from 'react';
import type { ExecutionSnapshot, ModelCalls } from '../store/snapshot.js';
import { formatCost, formatCount, formatCounted } from './format.js';
import { Section } from './section.js';
import { visibleText } from './visible-text.js';

type UsagePanelProps = Pick<
  ExecutionSnapshot,
  'tokenUsage' | 'costUSD' | 'modelUsage' | 'modelCalls' | 'tokensMayBeMissing'
>;

/** Columns that are shown only if a model has something in them. */
const CALL_COLUMNS: readonly { title: string; of: (calls: ModelCalls) => number }[] = [
  { title: 'Calls', of: ({ calls }) => calls },
  { title: 'Read from cache', of: ({ cached }) => cached.read },
  { title: 'Written to cache', of: ({ cached }) => cached.written },
  { title: 'Reasoning', of: ({ reasoning }) => reasoning },
];

/** Shows tokens and cost, in total and by model. Cached tokens are part of the input, reasoning is part of the output. */
export function UsagePanel(props: UsagePanelProps): ReactNode {
  const { tokenUsage, costUSD, modelUsage, modelCalls, tokensMayBeMissing } = props;
  const models = Object.entries(modelUsage);
  const calls = Object.values(modelCalls);
  const columns = CALL_COLUMNS.filter(({ of }) => calls.some((model) => of(model) > 0));
  const total = calls.reduce((sum, model) => sum + model.calls, 0);
  const incomplete = calls.reduce((sum, model) => sum + model.incomplete, 0);
  return (
    <Section title="Tokens and cost">
      <dl className="ca-figures">
        <Figure name="Input tokens" value={formatCount(tokenUsage.input)} />
        <Figure name="Output tokens" value={formatCount(tokenUsage.output)} />
        <Figure name="Total tokens" value={formatCount(tokenUsage.total)} />
        <Figure name="Cost" value={formatCost(costUSD)} />
      </dl>
      {incomplete > 0 && (
        <p className="ca-warning">
          Of {formatCounted(total, 'answer')}, {formatCount(incomplete)} {incomplete === 1 ? 'is' : 'are'} not
          whole.
        </p>
      )}
      {tokensMayBeMissing && (
        <p className="ca-warning">
          A call of a model may have broken off, so some of its tokens may be missing here.
        </p>
      )}
      {models.length > 0 && (
        <div className="ca-table-box" role="group" aria-label="Usage by model" tabIndex={0}>
          <table className="ca-table">
            <thead>
              <tr>
                <th scope="col">Model</th>
                <th scope="col">Input</th>
                <th scope="col">Output</th>
                {columns.map(({ title }) => (
                  <th key={title} scope="col">
                    {title}
                  </th>
                ))}
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
                  {columns.map(({ title, of }) => (
                    <td key={title}>
                      {Object.hasOwn(modelCalls, model) ? formatCount(of(modelCalls[model]!)) : ''}
                    </td>
                  ))}
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
