import { CloutAgent, type StartExecutionInput } from '@cloutagent/client';
import {
  CloutAgentProvider,
  ExecutionMonitor,
  useExecution,
  useExecutions,
  useSSEConnection,
  useStartExecution,
  useWorkflows,
} from '@cloutagent/react';
import '@cloutagent/react/styles.css';
import { Profiler, type ReactNode, StrictMode, useEffect, version } from 'react';
import { createRoot } from 'react-dom/client';

/** What the page shows. Tests set it with `state.show`. */
export interface View {
  monitors: { executionId: string; theme?: 'light' | 'dark' }[];
  /** Executions whose hook state is shown too. */
  watched?: string[];
  listed?: { projectId?: string; status?: 'running' | 'completed' };
  /** The request of a button that starts an execution. */
  startable?: StartExecutionInput;
  /** The saved workflows to list. */
  saved?: { projectId?: string; tag?: string };
  strict?: boolean;
}

/** What a test can read from the page. */
export interface PageState {
  show(view: View): void;
  commits: number;
  frames: number;
  events: Record<string, number[]>;
  outputs: Record<string, string>;
}

const { apiKey } = globalThis as unknown as { apiKey: string };
const client = new CloutAgent({ baseUrl: '', apiKey, reconnect: { baseMs: 100, maxMs: 500 } });
const root = createRoot(document.querySelector('#root') ?? document.body);

const state: PageState = {
  show: (view) =>
    root.render(
      view.strict === false ? (
        <App {...view} />
      ) : (
        <StrictMode>
          <App {...view} />
        </StrictMode>
      ),
    ),
  commits: 0,
  frames: 0,
  events: {},
  outputs: {},
};
Object.assign(globalThis, { state, react: version });

function countFrame(): void {
  state.frames += 1;
  requestAnimationFrame(countFrame);
}
countFrame();

function App({ monitors, watched = [], listed, startable, saved }: View): ReactNode {
  return (
    <CloutAgentProvider client={client}>
      <h1>Test page</h1>
      {monitors.map(({ executionId, theme }) => (
        <Profiler key={executionId} id={executionId} onRender={() => (state.commits += 1)}>
          <ExecutionMonitor executionId={executionId} theme={theme} headingLevel={1} />
        </Profiler>
      ))}
      {watched.map((executionId) => (
        <Watched key={executionId} executionId={executionId} />
      ))}
      {listed && <Listed filter={listed} />}
      {startable && <Starter request={startable} />}
      {saved && <Saved filter={saved} />}
    </CloutAgentProvider>
  );
}

function Watched({ executionId }: { executionId: string }): ReactNode {
  const { status, nodes, lastSequence } = useExecution(executionId);
  const connection = useSSEConnection(executionId, {
    event: ({ sequence }) => (state.events[executionId] ??= []).push(sequence),
  });
  useEffect(() => {
    for (const { nodeId, output } of nodes) state.outputs[nodeId] = output.toString();
  }, [nodes]);
  return <p className="watched">{`${status} ${lastSequence} ${connection.status}`}</p>;
}

function Listed({ filter }: { filter: NonNullable<View['listed']> }): ReactNode {
  const { executions, loading, connection } = useExecutions(filter);
  return (
    <>
      <p className="list-state">{loading ? 'loading' : connection.status}</p>
      <ul>
        {executions.map(({ id, status, lastSequence }) => (
          <li key={id} className="listed">{`${id} ${status} ${lastSequence}`}</li>
        ))}
      </ul>
    </>
  );
}

function Starter({ request }: { request: StartExecutionInput }): ReactNode {
  const { start, reset, pending, executionId, error } = useStartExecution();
  const { status, nodes } = useExecution(executionId);
  return (
    <>
      <button type="button" disabled={pending} onClick={() => void start(request)}>
        Start
      </button>
      <button type="button" onClick={reset}>
        Reset
      </button>
      <p className="starter">
        {executionId === undefined
          ? (error?.code ?? 'none')
          : `${executionId} ${status} ${nodes.map(({ output }) => output.toString()).join()}`}
      </p>
    </>
  );
}

function Saved({ filter }: { filter: NonNullable<View['saved']> }): ReactNode {
  const { workflows, loading, error, refresh } = useWorkflows(filter);
  return (
    <>
      <button type="button" onClick={() => void refresh()}>
        Refresh
      </button>
      <p className="saved-state">{loading ? 'loading' : (error?.code ?? 'loaded')}</p>
      <ul>
        {workflows.map(({ projectId, name, version: newest }) => (
          <li key={`${projectId}/${name}`} className="saved">{`${name}@${newest}`}</li>
        ))}
      </ul>
    </>
  );
}
