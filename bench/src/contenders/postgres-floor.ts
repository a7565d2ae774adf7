import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import type { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

/** One COPY FROM STDIN of a text, in a transaction of its own. */
export async function copyLines(client: Client, statement: string, text: Buffer): Promise<void> {
  await pipeline(Readable.from(pieces(text)), client.query(copyFrom(statement)));
}

/** One COPY TO STDOUT, its bytes thrown away. @returns how many there were */
export async function copyAway(client: Client, statement: string): Promise<number> {
  let bytes = 0;
  const nowhere = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done();
    },
  });
  await pipeline(client.query(copyTo(statement)), nowhere);
  return bytes;
}

function* pieces(text: Buffer): Generator<Buffer> {
  for (let from = 0; from < text.length; from += 65_536) yield text.subarray(from, from + 65_536);
}
