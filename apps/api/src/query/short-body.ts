import type { Readable } from 'node:stream';

/**
 * The whole of a body of at most so many bytes; undefined, with nothing taken, for a longer one.
 * @throws what the body breaks with
 */
export async function readShort(body: Readable, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const settle = (settled: () => void): void => {
      body.off('readable', read).off('end', ended).off('error', failed).off('close', closed);
      settled();
    };
    const read = (): void => {
      for (let chunk = body.read() as Buffer | null; chunk !== null; chunk = body.read() as Buffer | null) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > limitBytes) break;
      }
      if (bytes <= limitBytes) return;
      settle(() => {
        body.unshift(Buffer.concat(chunks));
        resolve(undefined);
      });
    };
    const ended = (): void => settle(() => resolve(Buffer.concat(chunks)));
    const failed = (error: Error): void => settle(() => reject(error));
    const closed = (): void => settle(() => reject(body.errored ?? new Error('the body was closed')));
    if (body.closed) return closed(); // nothing will be heard of it any more
    body.on('readable', read).on('end', ended).on('error', failed).on('close', closed);
  });
}
