import { duration } from '../ui/quantity.js';
import { ticks } from './scale.js';
import { useWidth } from './use-width.js';
import type { UsagePoint } from './usage-history.js';

export interface Series {
  name: string;
  points: readonly UsagePoint[];
  /** Draws a dashed line, so that series differ in more than colour. */
  dashed?: boolean;
}

interface Props {
  title: string;
  series: readonly Series[];
  /** Beginning and end of the time axis, in ms since 1970. */
  from: number;
  to: number;
  format: (value: number) => string;
}

const HEIGHT = 150;
const LEFT = 56;
const RIGHT = 12;
const TOP = 8;
const BOTTOM = 22;

/** Draws totals over time as a step chart, because a total stays the same until the next event. */
export function LineChart({ title, series, from, to, format }: Props) {
  const [frame, width] = useWidth();
  const marks = ticks(Math.max(0, ...series.flatMap(({ points }) => points.map(({ value }) => value))));
  const max = marks.at(-1)! || 1;
  const span = Math.max(1, to - from);
  const x = (at: number) => LEFT + (Math.min(Math.max(at - from, 0), span) / span) * (width - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - (value / max) * (HEIGHT - TOP - BOTTOM);
  const line = (points: readonly UsagePoint[]) =>
    `M${x(from)} ${y(0)}${points.map(({ at, value }) => `H${x(at).toFixed(1)}V${y(value).toFixed(1)}`).join('')}H${x(to)}`;
  const summary = series.map(({ name, points }) => `${name} ${format(points.at(-1)?.value ?? 0)}`).join(', ');

  return (
    <figure className="chart" ref={frame}>
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`${title} over ${duration(span)}: ${summary}`}
      >
        {marks.map((mark) => (
          <g key={mark} className="chart-mark">
            <line x1={LEFT} x2={width - RIGHT} y1={y(mark)} y2={y(mark)} />
            <text x={LEFT - 8} y={y(mark)} dominantBaseline="middle" textAnchor="end">
              {format(mark)}
            </text>
          </g>
        ))}
        <text className="chart-time" x={LEFT} y={HEIGHT - 5}>
          0
        </text>
        <text className="chart-time" x={width - RIGHT} y={HEIGHT - 5} textAnchor="end">
          {duration(span)}
        </text>
        {series.map(({ name, points, dashed }, index) => (
          <path
            key={name}
            className={`chart-line chart-line-${index}`}
            strokeDasharray={dashed ? '5 3' : undefined}
            d={line(points)}
          />
        ))}
      </svg>
    </figure>
  );
}
