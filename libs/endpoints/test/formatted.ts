import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ResultColumn } from '@ingot/postgres';
import type { TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Format } from '../src/index.js';

/** Renders queries of one session; no read repository, so that nothing but the format is under test. */
export async function formatter(database: TestDatabase): Promise<(format: Format, query: string, omitNull?: string[]) => Promise<Buffer>> {
  const client = await database.session();
  return async (format, query, omitNull = []) => {
    const columns = await columnsOf(client, query);
    const { drop, head, tail } = format.frame;
    const rows = await copied(client, format.copy(query, columns, omitNull));
    const framed = Buffer.concat([Buffer.from(head), rows.subarray(drop), Buffer.from(tail)]);
    return format.encoder === undefined ? framed : encoded(format, columns, [framed]);
  };
}

export async function columnsOf(client: Client, query: string): Promise<ResultColumn[]> {
  const { fields } = await client.query(`select * from (${query}) q limit 0`);
  return fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
}

export async function copied(client: Client, statement: string): Promise<Buffer> {
  return Buffer.concat((await client.query(copyTo(statement)).toArray()) as Buffer[]);
}

/** What the format's encoder makes of a COPY's bytes that come in these pieces. */
export async function encoded(format: Format, columns: readonly ResultColumn[], pieces: Iterable<Buffer>): Promise<Buffer> {
  const encoder = format.encoder?.(columns);
  if (encoder === undefined) throw new Error(`${format.name} has no encoder`);
  const out: Buffer[] = [];
  await pipeline(Readable.from(pieces, { objectMode: false }), encoder, async (bytes: AsyncIterable<Buffer>) => {
    for await (const chunk of bytes) out.push(chunk);
  });
  return Buffer.concat(out);
}
