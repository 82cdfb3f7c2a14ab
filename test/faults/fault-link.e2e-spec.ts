import pg from 'pg';
import { createDatabase } from '../support/server.ts';
import { FaultLink } from './fault-link.ts';
import { SeededRandom } from './random.ts';

describe('FaultLink', () => {
  let database: string;
  let direct: pg.Client;
  let link: FaultLink;
  const open: pg.Client[] = [];

  async function connect(name: string): Promise<pg.Client> {
    const url = Object.assign(new URL(database), { port: String(link.port) });
    const client = new pg.Client({ connectionString: url.href, application_name: name });
    client.on('error', () => undefined);
    open.push(client);
    await client.connect();
    return client;
  }
  const insert = (client: pg.Client, n: number) => client.query('INSERT INTO numbers VALUES ($1)', [n]);
  const stored = async (): Promise<number[]> => {
    const { rows } = await direct.query<{ n: number }>('SELECT n FROM numbers ORDER BY n');
    return rows.map(({ n }) => n);
  };
  /** Waits until PostgreSQL has only the direct connection. */
  const untilAlone = async (): Promise<void> => {
    for (;;) {
      const { rows } = await direct.query(
        'SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      if (rows.length === 0) return;
    }
  };

  beforeAll(async () => {
    database = await createDatabase();
    direct = new pg.Client({ connectionString: database });
    await direct.connect();
    await direct.query('CREATE TABLE numbers (n int)');
  });
  beforeEach(async () => {
    await direct.query('TRUNCATE numbers');
    link = await FaultLink.to(Number(new URL(database).port), new SeededRandom(1));
  });
  afterEach(async () => {
    link.calm();
    await link.close();
    await Promise.all(open.splice(0).map((client) => client.end().catch(() => undefined)));
    await untilAlone();
  });
  afterAll(() => direct.end());

  it('forwards everything while no fault is active, large messages too', async () => {
    const client = await connect('one');
    const text = 'x'.repeat(3_000_000);
    const { rows } = await client.query<{ text: string }>('SELECT $1::text AS text', [text]);
    expect(rows[0]!.text).toBe(text);
  });

  it('cuts only the connections of one application name', async () => {
    const [one, other] = [await connect('one'), await connect('other')];
    link.cut('one');
    await expect(insert(one, 1)).rejects.toThrow();
    await insert(other, 2);
    expect(await stored()).toEqual([2]);
    expect([link.count('one'), link.count('other'), link.hits['cut']]).toEqual([0, 1, 1]);
  });

  it('refuses new connections until calm() is called', async () => {
    link.refuse(true);
    await expect(connect('one')).rejects.toThrow();
    link.calm();
    await insert(await connect('one'), 1);
    expect(await stored()).toEqual([1]);
  });

  it('loses the answer to a statement that PostgreSQL has executed', async () => {
    const client = await connect('one');
    link.loseAnswers('one', 1, 'late');
    await expect(insert(client, 1)).rejects.toThrow();
    expect(await stored()).toEqual([1]);
    expect(link.hits['lost answer']).toBe(1);
  });

  it('breaks the connection right after it has forwarded a statement', async () => {
    const client = await connect('one');
    link.loseAnswers('one', 1, 'early');
    await expect(insert(client, 1)).rejects.toThrow();
    await untilAlone();
    expect(await stored()).toEqual([1]);
  });

  it('cuts a connection in the middle of a message', async () => {
    const client = await connect('one');
    link.cutAtByte('one', 20);
    await expect(insert(client, 1).then(() => insert(client, 2))).rejects.toThrow();
    expect(link.hits['cut at a byte']).toBe(1);
  });

  it('freezes one direction or both, and forwards the held data after the freeze', async () => {
    const [one, other] = [await connect('one'), await connect('other')];
    const thawAnswers = link.enforce({ kind: 'freeze', target: 'one', direction: 'toClient' });
    let answered = false;
    const first = insert(one, 1).then(() => (answered = true));
    while ((await stored()).length === 0);
    await insert(other, 2);
    expect(answered).toBe(false);
    thawAnswers();
    await first;
    link.enforce({ kind: 'freeze', target: 'all', direction: 'toServer' });
    const held = [insert(one, 3), insert(other, 4)];
    expect(await stored()).toEqual([1, 2]);
    link.calm();
    await Promise.all(held);
    expect(await stored()).toEqual([1, 2, 3, 4]);
  });

  it('freezes a connection that opens during the freeze', async () => {
    const thaw = link.enforce({ kind: 'freeze', target: 'one', direction: 'both' });
    const connecting = connect('one');
    await insert(await connect('other'), 1);
    expect(link.count('one')).toBe(1);
    thaw();
    await insert(await connecting, 2);
  });

  it('delivers a statement to PostgreSQL after its client has seen the connection break', async () => {
    const client = await connect('one');
    const thaw = link.enforce({ kind: 'freeze', target: 'one', direction: 'toServer' });
    const lost = insert(client, 1);
    // The statement has left the client before the next event of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    link.strand('one', 50);
    thaw();
    await expect(lost).rejects.toThrow();
    await untilAlone();
    expect(await stored()).toEqual([1]);
  });

  it('delays each connection by a different time', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, (_unused, n) => connect(`c${n}`)));
    link.enforce({ kind: 'delay', target: 'all', mostMs: 200 });
    const order: number[] = [];
    await Promise.all(clients.map((client, n) => insert(client, n).then(() => order.push(n))));
    expect(order).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect((await stored()).length).toBe(8);
  });
});

describe('SeededRandom', () => {
  it('gives the same numbers for the same seed and fork, independent of earlier draws', () => {
    const draw = (random: SeededRandom) => [random.whole(1, 1_000_000), random.pick('abcdefgh'.split(''))];
    const [one, two] = [new SeededRandom(7), new SeededRandom(7)];
    two.next();
    expect(draw(one.fork('x'))).toEqual(draw(two.fork('x')));
    expect(draw(one.fork('x'))).not.toEqual(draw(one.fork('y')));
    expect(draw(new SeededRandom(1))).not.toEqual(draw(new SeededRandom(2)));
  });

  it('picks keys in proportion to their weights', () => {
    const random = new SeededRandom('fair');
    const draws = Array.from({ length: 10_000 }, () => random.weighted({ rare: 1, often: 3 }));
    const rare = draws.filter((draw) => draw === 'rare').length;
    expect(rare).toBeGreaterThan(2_200);
    expect(rare).toBeLessThan(2_800);
  });

  it('draws every whole number of a range', () => {
    const random = new SeededRandom('range');
    expect(new Set(Array.from({ length: 1_000 }, () => random.whole(1, 6))).size).toBe(6);
  });
});
