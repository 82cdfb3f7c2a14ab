import { cost, count, duration } from '../ui/quantity.js';
import './charts.css';
import { LineChart, type Series } from './line-chart.js';
import type { UsageHistory, UsagePoint } from './usage-history.js';

interface Props {
  history: UsageHistory;
  /** ms since 1970. */
  from: number;
  to: number;
  /** Whether the price of a model is unknown, so that the costs are unknown too. */
  priceUnknown: boolean;
}

/** Shows tokens and cost over time, as charts and as tables. */
export function UsageCharts({ history, from, to, priceUnknown }: Props) {
  const tokens: Series[] = [
    { name: 'Output', points: history.output },
    { name: 'Input', points: history.input, dashed: true },
  ];
  const costs: Series[] = [{ name: 'Cost', points: history.costUSD }];
  const isEmpty = history.output.length === 0;
  return (
    <div className="charts">
      <section aria-label="Tokens over time">
        <div className="chart-head">
          <h3>Tokens</h3>
          {tokens.map(({ name, points, dashed }, index) => (
            <span key={name} className="chart-key">
              <svg width="18" height="8" aria-hidden="true">
                <path
                  className={`chart-line chart-line-${index}`}
                  d="M0 4H18"
                  strokeDasharray={dashed ? '5 3' : undefined}
                />
              </svg>
              {name} <span className="numeric">{count(points.at(-1)?.value ?? 0)}</span>
            </span>
          ))}
        </div>
        {isEmpty ? (
          <p className="muted chart-none">No model has reported usage yet.</p>
        ) : (
          <>
            <LineChart title="Tokens" series={tokens} from={from} to={to} format={count} />
            <UsageTable series={tokens} from={from} format={count} />
          </>
        )}
      </section>
      <section aria-label="Cost over time">
        <div className="chart-head">
          <h3>Cost</h3>
          <span className="numeric">
            {priceUnknown ? 'unknown: a model has no price' : cost(history.costUSD.at(-1)?.value ?? 0)}
          </span>
        </div>
        {history.costUSD.every(({ value }) => value === 0) ? (
          <p className="muted chart-none">
            {priceUnknown ? 'Set MODEL_PRICES on the server to see costs.' : 'No cost yet.'}
          </p>
        ) : (
          <>
            <LineChart title="Cost" series={costs} from={from} to={to} format={cost} />
            <UsageTable series={costs} from={from} format={cost} />
          </>
        )}
      </section>
    </div>
  );
}

/** Rows of a table. Only the latest points are shown. */
const MAX_ROWS = 200;

function UsageTable({
  series,
  from,
  format,
}: {
  series: readonly Series[];
  from: number;
  format: (value: number) => string;
}) {
  const rows: readonly UsagePoint[] = (series[0]?.points ?? []).slice(-MAX_ROWS);
  const offset = (series[0]?.points.length ?? 0) - rows.length;
  return (
    <details className="chart-table">
      <summary>Show as table</summary>
      <div className="table-frame" tabIndex={0} role="region" aria-label="Values">
        <table className="table">
          <thead>
            <tr>
              <th>After</th>
              {series.map(({ name }) => (
                <th key={name} className="end">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ at }, index) => (
              <tr key={`${at} ${index}`}>
                <td>{duration(Math.max(0, at - from))}</td>
                {series.map(({ name, points }) => (
                  <td key={name} className="end numeric">
                    {format(points[offset + index]?.value ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
