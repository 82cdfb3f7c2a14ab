import type { Dispatcher } from '../../engine/dispatch/dispatcher.js';
import type { ExecutionsRepository, NewRow } from '../executions.repository.js';
import { InsertQueue } from './insert-queue.js';

const row = (id: string, input = ''): NewRow => ({ id, input, workflow: '' }) as NewRow;

/** A database that inserts the rows of each statement when `answer` is called, and refuses the row `wrong`. */
class Statements {
  readonly sent: string[][] = [];
  private readonly pending: (() => void)[] = [];

  /** @param failure of all statements */
  constructor(private readonly failure?: Error) {}

  async insertAll(rows: readonly NewRow[]): Promise<unknown[]> {
    this.sent.push(rows.map(({ id }) => id));
    await new Promise<void>((resolve) => this.pending.push(resolve));
    if (this.failure) throw this.failure;
    if (rows.some(({ id }) => id === 'wrong')) throw Object.assign(new Error('wrong'), { code: '22P05' });
    return rows.map(({ id }) => ({ id, owner: null }));
  }

  async answer(): Promise<void> {
    while (this.pending.length > 0) {
      this.pending.shift()!();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describe('InsertQueue', () => {
  const queueOn = (statements: Statements): InsertQueue => {
    const dispatcher = { insertAndStart: (insert: (claim: object) => Promise<unknown>) => insert({}) };
    return new InsertQueue(
      statements as unknown as ExecutionsRepository,
      dispatcher as unknown as Dispatcher,
    );
  };

  it('inserts at once, and together what arrives during a statement', async () => {
    const statements = new Statements();
    const queue = queueOn(statements);
    const inserted = ['a', 'b', 'c'].map((id) => queue.insert(row(id)));
    await statements.answer();
    expect(statements.sent).toEqual([['a'], ['b', 'c']]);
    expect(await Promise.all(inserted)).toMatchObject([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
  });

  it('bounds the size of a statement', async () => {
    const statements = new Statements();
    const queue = queueOn(statements);
    const large = 'x'.repeat(3_000_000);
    const inserted = ['a', 'b', 'c', 'd'].map((id) => queue.insert(row(id, large)));
    await statements.answer();
    expect(statements.sent).toEqual([['a'], ['b', 'c'], ['d']]);
    await Promise.all(inserted);
  });

  it('refuses only the execution that cannot be stored', async () => {
    const statements = new Statements();
    const queue = queueOn(statements);
    const inserted = ['a', 'b', 'wrong', 'c'].map((id) => queue.insert(row(id)));
    const outcomes = Promise.allSettled(inserted);
    await statements.answer();
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('refuses all that wait when the database does not answer', async () => {
    const statements = new Statements(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
    const queue = queueOn(statements);
    const outcomes = Promise.allSettled(['a', 'b', 'c'].map((id) => queue.insert(row(id))));
    await statements.answer();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(statements.sent).toEqual([['a']]);
  });
});
