import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { brotliDecompressSync, createBrotliDecompress, createGunzip, gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { chooseEncoding, compress } from './compress.js';

const ROWS = Array.from({ length: 2_000 }, (_, i) => `{"time":"2022-04-14T13:10:17.000Z","name":"Voltage","value":${i}}\n`);
const PIECES = Array.from({ length: 10 }, (_, i) => Buffer.from(ROWS.slice(i * 200, (i + 1) * 200).join('')));
const collect = async (body: Readable | Buffer): Promise<Buffer> => (Buffer.isBuffer(body) ? body : Buffer.concat((await body.toArray()) as Buffer[]));

describe('chooseEncoding', () => {
  it.each([
    [undefined, 'identity'], ['', 'identity'], ['identity', 'identity'], ['gzip', 'gzip'], ['br', 'br'], ['gzip, deflate, br', 'br'], ['gzip, deflate, br, zstd', 'br'], ['*', 'br'], ['deflate', 'identity'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'], ['br;q=0, gzip', 'gzip'], ['gzip;q=0', 'identity'], ['identity, gzip;q=0.5', 'identity'], ['GZIP', 'gzip'], ['*;q=0, gzip', 'gzip'], ['identity;q=0, *', 'br'], ['identity;q=0, gzip', 'gzip'],
  ])('Accept-Encoding: %s gives %s', (header, encoding) => {
    expect(chooseEncoding(header, true).encoding).toBe(encoding);
  });

  it('leaves what is compressed already as it is, unless that is refused', () => {
    expect(['gzip, br', '*', undefined].map((header) => chooseEncoding(header, false).encoding)).toEqual(['identity', 'identity', 'identity']);
    expect(chooseEncoding('identity;q=0, gzip', false).encoding).toBe('gzip');
  });

  it.each(['identity;q=0', '*;q=0', 'identity;q=0, deflate', 'gzip;q=0, br;q=0, identity;q=0'])('refuses %s', (header) => {
    expect(() => chooseEncoding(header, true)).toThrow(expect.objectContaining({ code: 'not-acceptable' }));
  });
});

describe('compress', () => {
  it.each([['br', brotliDecompressSync], ['gzip', gunzipSync]] as const)('gives back the same bytes after %s', async (encoding, undo) => {
    const { body, ...rest } = await compress(Readable.from(PIECES, { objectMode: false }), { encoding, orIdentity: true });
    const bytes = await collect(body);
    expect(rest).toEqual({ encoding });
    expect(undo(bytes).toString()).toBe(ROWS.join(''));
    expect(bytes.length).toBeLessThan(ROWS.join('').length / 5);
  });

  it('leaves a short body as it is, whole', async () => {
    const given = Readable.from([Buffer.from('[{"v":1}\n'), Buffer.from(']')], { objectMode: false });
    expect(await compress(given, { encoding: 'br', orIdentity: true })).toEqual({ body: Buffer.from('[{"v":1}\n]'), encoding: 'identity' });
    expect(await compress(Readable.from([]), { encoding: 'gzip', orIdentity: true })).toEqual({ body: Buffer.alloc(0), encoding: 'identity' });
  });

  it('compresses a short body, too, for who refuses identity', async () => {
    const { body, encoding } = await compress(Readable.from([Buffer.from('[]')]), { encoding: 'gzip', orIdentity: false });
    expect([encoding, gunzipSync(await collect(body)).toString()]).toEqual(['gzip', '[]']);
  });

  it.each([['br', createBrotliDecompress], ['gzip', createGunzip]] as const)('shows rows of a slow statement as they come, %s', async (encoding, createDecoder) => {
    const source = new PassThrough();
    source.write(ROWS.slice(0, 100).join(''));
    const { body } = await compress(source, { encoding, orIdentity: true });
    const decoded = (body as Readable).pipe(createDecoder());
    let seen = '';
    decoded.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    for (const row of ROWS.slice(100, 103)) {
      while (!seen.endsWith(ROWS[seen.split('\n').length - 2] ?? '-')) await once(decoded, 'data');
      const before = seen.length;
      source.write(row);
      while (seen.length === before) await once(decoded, 'data'); // a compressor that waits for more never gives this row
      expect(seen.slice(before)).toBe(row);
    }
    source.end();
    await once(decoded, 'end');
    expect(seen).toBe(ROWS.slice(0, 103).join(''));
  });

  it.each(['br', 'gzip'] as const)('breaks off when the body breaks off: no well-formed %s', async (encoding) => {
    const source = new PassThrough();
    source.write(ROWS.join(''));
    const { body } = await compress(source, { encoding, orIdentity: true });
    const out: Buffer[] = [];
    (body as Readable).on('data', (chunk: Buffer) => out.push(chunk));
    await once(body as Readable, 'data');
    source.destroy(new Error('the database went away'));
    await expect(once(body as Readable, 'end')).rejects.toThrow('the database went away');
    expect(() => (encoding === 'br' ? brotliDecompressSync : gunzipSync)(Buffer.concat(out))).toThrow(/unexpected end/);
  });

  it('rejects when the body breaks before there was anything to send', async () => {
    const source = new PassThrough();
    setImmediate(() => source.destroy(new Error('no rows')));
    await expect(compress(source, { encoding: 'gzip', orIdentity: true })).rejects.toThrow('no rows');
  });

  it('rejects a body that broke before it was asked for', async () => {
    const source = new PassThrough();
    const closed = new Promise((resolve) => source.once('close', resolve).on('error', () => undefined));
    source.destroy(new Error('no rows'));
    await closed;
    await expect(compress(source, { encoding: 'gzip', orIdentity: true })).rejects.toThrow('no rows');
  });

  it('destroys the body when nobody reads any more', async () => {
    const source = new PassThrough();
    source.write(ROWS.join(''));
    const { body } = await compress(source, { encoding: 'gzip', orIdentity: true });
    const closed = new Promise((resolve) => source.once('close', resolve).on('error', () => undefined));
    (body as Readable).destroy();
    await closed; // or the test runs out of time
  });
});
