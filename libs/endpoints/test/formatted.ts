import { Readable } from 'node:stream';
import { pipeline as chain } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CopyRead, ResultColumn } from '@ingot/postgres';
import type { TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Format } from '../src/index.js';

/** Renders queries of one session; no read repository, so that nothing but the format is under test. */
export async function formatter(database: TestDatabase): Promise<(format: Format, query: string, omitNull?: string[]) => Promise<Buffer>> {
  const client = await database.session();
  return async (format, query, omitNull = []) => {
    const columns = await columnsOf(client, query);
    return encoded(format, columns, [await copied(client, format.copy(query, columns))], omitNull);
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
export async function encoded(format: Format, columns: readonly ResultColumn[], pieces: Iterable<Buffer>, omitNull: readonly string[] = []): Promise<Buffer> {
  const encoder = format.encoder(columns, omitNull);
  const out: Buffer[] = [];
  await pipeline(Readable.from(pieces, { objectMode: false }), encoder, async (bytes: AsyncIterable<Buffer>) => {
    for await (const chunk of bytes) out.push(chunk);
  });
  return Buffer.concat(out);
}

/** What a client of a read in this format gets. */
export async function answerOf(read: CopyRead, format: Format, omitNull: readonly string[] = []): Promise<string> {
  const body = chain(read, format.encoder(read.columns, omitNull), () => undefined);
  return Buffer.concat((await body.toArray()) as Buffer[]).toString();
}
