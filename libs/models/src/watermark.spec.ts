import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { covers, cutAt, unseenRows, type Snapshot } from './watermark.js';

describe('unseenRows', () => {
  it('is a condition of literals', () => {
    expect(unseenRows('ingest_xid', { xmax: 10n, xip: [] })).toBe(`("ingest_xid" >= '10'::bigint)`);
    expect(unseenRows('ingest_xid', { xmax: 10n, xip: [3n, 7n] }, { xmax: 12n, xip: [] })).toBe(
      `("ingest_xid" >= '10'::bigint and "ingest_xid" < '12'::bigint or "ingest_xid" = any('{3,7}'::bigint[]))`,
    );
    expect(unseenRows('ingest_xid', { xmax: 10n, xip: [3n, 7n] }, { xmax: 5n, xip: [] })).toBe(`("ingest_xid" >= '10'::bigint and "ingest_xid" < '5'::bigint or "ingest_xid" = any('{3}'::bigint[]))`);
  });
});

/** Transaction ids as Postgres hands them out and its snapshots see them. */
class Server {
  private next = 1n;
  readonly open = new Set<bigint>();
  readonly committed: { xid: bigint; lines: number }[] = [];
  begin(): void {
    this.open.add(this.next++);
  }
  end(index: number, lines: number, commit: boolean): void {
    const xid = [...this.open][index % Math.max(1, this.open.size)];
    if (xid === undefined) return;
    this.open.delete(xid);
    if (commit) this.committed.push({ xid, lines });
  }
  snapshot(): Snapshot {
    const highest = [...this.committed.map(({ xid }) => xid), 0n].reduce((a, b) => (a > b ? a : b));
    return cutAt({ xmax: this.next, xip: [...this.open] }, highest + 1n); // latest completed + 1, as the real one
  }
}

/** What unseenRows says, in JavaScript, on rows that the snapshot `now` can see. */
const isUnseen = (xid: bigint, seen: Snapshot, upTo: Snapshot): boolean => (xid >= seen.xmax || seen.xip.includes(xid)) && xid < upTo.xmax;

const bound = (server: Server, seen: Snapshot, now: Snapshot, maxRows: number): Snapshot => {
  let total = 0;
  const flushes = server.committed.filter(({ xid }) => xid >= seen.xmax && xid < now.xmax).sort((a, b) => (a.xid < b.xid ? -1 : 1));
  for (const { xid, lines } of flushes) if ((total += lines) >= maxRows) return cutAt(now, xid + 1n);
  return now;
};

const action = fc.oneof(
  fc.constant({ kind: 'begin' as const }),
  fc.record({ kind: fc.constant('end' as const), index: fc.nat(10), lines: fc.integer({ min: 1, max: 9 }), commit: fc.boolean() }),
  fc.constant({ kind: 'ask' as const }),
  fc.record({ kind: fc.constant('run' as const), maxRows: fc.integer({ min: 1, max: 12 }) }),
);

describe('bounded runs over random histories', () => {
  it('take every committed row once, whatever the order of commits, with aborts and writers that stay open for long', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const server = new Server();
        const taken: bigint[] = [];
        const readers: { moment: Snapshot; committed: bigint[] }[] = [];
        let seen: Snapshot = { xmax: 0n, xip: [] };
        const run = (maxRows: number): boolean => {
          const now = server.snapshot();
          const upTo = bound(server, seen, now, maxRows);
          expect(upTo.xmax >= seen.xmax && upTo.xmax <= now.xmax).toBe(true);
          taken.push(...server.committed.filter(({ xid }) => isUnseen(xid, seen, upTo)).map(({ xid }) => xid));
          const cut = upTo.xmax < now.xmax;
          seen = upTo;
          for (const { moment, committed } of readers) if (covers(seen, moment)) expect(committed.filter((xid) => !taken.includes(xid))).toEqual([]);
          return cut;
        };
        for (const step of actions) {
          if (step.kind === 'begin') server.begin();
          else if (step.kind === 'end') server.end(step.index, step.lines, step.commit);
          else if (step.kind === 'ask') readers.push({ moment: server.snapshot(), committed: server.committed.map(({ xid }) => xid) });
          else run(step.maxRows);
        }
        while (run(5)); // the backlog, in bounded runs
        expect(readers.filter(({ moment }) => !covers(seen, moment))).toEqual([]);
        expect([...taken].sort()).toEqual(server.committed.map(({ xid }) => xid).sort());
      }),
      { numRuns: 2_000 },
    );
  });
});
