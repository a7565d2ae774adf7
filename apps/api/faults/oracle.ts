import path from 'node:path';
import { loadDataset } from '@ingot/datasets';
import { connect } from '@ingot/postgres';
import type { QueryResultRow } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { differences } from '../../../libs/models/test/consistency.js';
import type { SentRequest } from './ledger.js';

/** What the database holds of what the clients sent, in lines. All but the first two must be 0. */
export interface Verdict {
  readonly acknowledged: number;
  /** Those whose clients cannot know; each is there once or not at all. */
  readonly unknown: number;
  /** P1: acknowledged and not there. */
  readonly lost: number;
  /** P1, P2: there more than once. */
  readonly doubled: number;
  /** P3: there, and never sent. */
  readonly neverSent: number;
  /** There although the client was told that nothing of its request is stored. */
  readonly storedAnyway: number;
  /** Requests of which some lines are there and others not. */
  readonly inPart: number;
  /** P4: rows of silver and gold that differ from what their SELECTs give over bronze. */
  readonly unlike: number;
}

/** One statement on a session of its own: the servers of this suite come and go. */
export async function ask<Row extends QueryResultRow>(databaseUrl: string, text: string, values?: unknown[]): Promise<Row[]> {
  const client = await connect({ url: databaseUrl, name: 'faults' });
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

interface Stored {
  device: string;
  line: string;
  copies: number;
}

/**
 * Compares the database with the clients' account, once the runs have caught up.
 * @param url of a service that serves; its runs are waited for
 */
export async function judge(url: string, databaseUrl: string, sent: readonly SentRequest[], withinMs: number): Promise<Verdict> {
  await untilCaughtUp(url, withinMs);
  const stored = await ask<Stored>(
    databaseUrl,
    `select device, line, count(*)::int as copies from (
       select coalesce(device, 'default') as device, line from bronze.raw_readings
     ) as received group by device, line`,
  );
  const copies = new Map(stored.map((row) => [`${row.device} ${row.line}`, row.copies]));
  const verdict = { acknowledged: 0, unknown: 0, lost: 0, doubled: 0, storedAnyway: 0, inPart: 0 };
  const known = new Set<string>();
  for (const { device, lines, told } of sent) {
    const there = lines.map((line) => copies.get(`${device} ${line}`) ?? 0);
    for (const line of lines) known.add(`${device} ${line}`);
    const present = there.filter((count) => count > 0).length;
    if (told === 'acknowledged') {
      verdict.acknowledged += lines.length;
      verdict.lost += lines.length - present;
    } else {
      if (told === 'unknown') verdict.unknown += lines.length;
      else verdict.storedAnyway += present;
      if (present > 0 && present < lines.length) verdict.inPart++;
    }
    verdict.doubled += there.filter((count) => count > 1).length;
  }
  const neverSent = stored.filter(({ device, line }) => !known.has(`${device} ${line}`)).length;
  return { ...verdict, neverSent, unlike: await unlikeBronze(databaseUrl) };
}

/** P4: how many rows of the models differ from a recomputation, lines put into quarantine included. */
async function unlikeBronze(databaseUrl: string): Promise<number> {
  const dataset = await loadDataset(path.resolve('sql/sensor'));
  const query = <Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> => ask<Row>(databaseUrl, text, values);
  const found = await differences({ query }, dataset);
  const [aside] = await query<{ n: number }>('select count(*)::int as n from ingot.quarantine'); // every line of these clients is good
  return Object.values(found).reduce((sum, count) => sum + count, 0) + (aside?.n ?? -1);
}

/** A read that waits for the runs says when it is not up to date. */
async function untilCaughtUp(url: string, withinMs: number): Promise<void> {
  for (const end = performance.now() + withinMs; ; await sleep(50)) {
    const answer = await fetch(`${url}/data?from=2000-01-01&to=2000-01-01`, { headers: { prefer: 'wait=5' } });
    await answer.text();
    const stale = answer.headers.get('ingot-stale');
    if (answer.status === 200 && stale === null) return;
    if (performance.now() > end) throw new Error(`the runs have not caught up: ${answer.status} ${stale ?? ''}`);
  }
}
