import { CommitGate, type Commit } from './commit-gate.ts';
import type { Fault } from './faults.ts';
import { AgentWorld } from './world.ts';

/**
 * `delay`: the commit takes long. `cut`: its connection breaks and it has no effect. `lost`: it is committed, but all connections
 * of the process break before the answer. The last two: the process is killed, and the commit has an effect or none.
 */
type Trouble = 'delay' | 'cut' | 'lost' | 'kill, rolled back' | 'kill, committed';
const TROUBLES: readonly Trouble[] = ['delay', 'cut', 'lost', 'kill, rolled back', 'kill, committed'];
const PLACES: readonly [Commit, number][] = [
  ['answer', 1],
  ['answer', 3],
  ['answer', 5],
  ['result', 1],
  ['result', 4],
  ['end', 6],
];

/** Finds a row when the commit has had its effect. */
const COMMITTED: Readonly<Record<Commit, string>> = {
  answer: 'SELECT FROM cloutagent.agent_rounds WHERE execution_id = $1 AND round = $2',
  result:
    'SELECT FROM cloutagent.tool_calls WHERE execution_id = $1 AND round = $2 AND index = 0 AND result IS NOT NULL',
  end: 'SELECT FROM cloutagent.executions WHERE id = $1 AND completed_at IS NOT NULL AND $2::int > 0',
};

describe('an agent of five rounds, in a commit', () => {
  let world: AgentWorld;
  let gate: CommitGate;
  beforeAll(async () => {
    world = await AgentWorld.open({ PROCESS_RECONNECT_TIMEOUT_MS: '500' });
    gate = await CommitGate.install(world.databaseUrl);
    await world.prepare();
  });
  afterAll(async () => {
    await gate.end();
    await world.close();
  });

  const cases = PLACES.flatMap(([commit, round]) =>
    TROUBLES.map((trouble): [Commit, number, Trouble] => [commit, round, trouble]),
  );
  it.each(cases)('loses and repeats nothing: %s %i, %s', async (commit, round, trouble) => {
    const place: Omit<Fault, 'kind'> =
      commit === 'result' ? { round, point: 'tool', index: 0 } : { round, point: 'request' };
    // The hold gives the test time to close the gate. It breaks nothing.
    const wire = round % 2 === 1 ? 'anthropic' : 'openai';
    const running = await world.start({ wire, faults: [{ ...place, kind: 'hold' }] });
    await world.faults.allHeld([running.caseId]);
    // The results of the other calls of the round are committed, so that the gate stops that of the call that is held.
    if (commit === 'result')
      await world.until(
        'SELECT FROM cloutagent.tool_calls WHERE execution_id = $1 AND round = $2 HAVING count(*) - count(result) = 1',
        [running.executionId, round],
      );
    await gate.close(running.executionId, commit);
    world.faults.release(running.caseId);
    const pid = await gate.reached();
    if (commit === 'answer')
      expect(world.tools.of(running.caseId).filter(({ args }) => args.round >= round)).toEqual([]);
    const others: Fault[] = [];
    switch (trouble) {
      case 'delay':
        await gate.open();
        break;
      case 'cut':
        await gate.rollBack(pid);
        await gate.open();
        break;
      case 'lost':
        world.holdDatabaseAnswers();
        await gate.open();
        await world.until(COMMITTED[commit], [running.executionId, round]);
        world.cutDatabase();
        break;
      case 'kill, rolled back':
        await world.server.kill();
        await gate.rollBack(pid);
        await gate.open();
        await world.startServer();
        if (commit === 'result') others.push({ round, point: 'tool', kind: 'hold' });
        else others.push({ round, point: 'last', kind: 'hold' });
        break;
      case 'kill, committed':
        world.holdDatabaseAnswers();
        await gate.open();
        await world.until(COMMITTED[commit], [running.executionId, round]);
        await world.server.kill();
        world.cutDatabase();
        await world.startServer();
        // The calls of a stored answer count as started, although they were not sent.
        if (commit === 'answer') others.push({ round, point: 'tool', kind: 'hold' });
    }
    const killed = trouble === 'kill, rolled back' && commit !== 'result';
    await world.ended(running);
    expect(await world.check({ ...running, harmless: true }, killed, others)).toEqual([]);
  });
});
