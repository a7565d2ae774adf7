import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { startService, type RunningService } from './service.js';

const LIMIT = 65_536;
const DEADLINE_MS = 2_000;

interface ProblemBody {
  success: false;
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  errors?: { line: number; column: number; code: string; detail: string }[];
  total_errors?: number;
  outcome?: string;
}

interface Answer {
  status: number;
  text: string;
  headers: Headers;
  problem: ProblemBody;
}

describe('POST /data', () => {
  let database: TestDatabase;
  let service: RunningService;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url, { INGOT_BODY_LIMIT_BYTES: String(LIMIT), INGOT_QUEUE_LIMIT_BYTES: String(2 * LIMIT), INGOT_INGEST_DEADLINE_MS: String(DEADLINE_MS) });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });
  afterEach(async () => {
    await database.query('delete from bronze.raw_readings');
  });

  async function post(body: string | Uint8Array<ArrayBuffer> | undefined, headers: Record<string, string> = {}, path = '/data'): Promise<Answer> {
    const answer = await fetch(`${service.url}${path}`, { method: 'POST', body, headers });
    const text = await answer.text();
    return { status: answer.status, text, headers: answer.headers, problem: (answer.status === 200 ? {} : JSON.parse(text)) as ProblemBody };
  }
  const bytes = (data: Buffer | string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(data));
  const stored = async (): Promise<{ line: string; device: string | null; precision: string | null }[]> => database.query('select line, device, precision from bronze.raw_readings order by id');
  const lines = async (): Promise<string[]> => (await stored()).map((row) => row.line);
  /** Sends raw bytes and returns all that comes back. */
  async function raw(...parts: (string | Buffer)[]): Promise<string> {
    const { hostname, port } = new URL(service.url);
    const socket = net.connect(Number(port), hostname);
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString())).on('error', () => undefined);
    for (const part of parts) socket.write(part);
    await Promise.race([once(socket, 'close'), (async () => { for (let i = 0; i < 100 && !/\r\n\r\n[^]/.test(received); i++) await sleep(20); })()]);
    socket.destroy();
    return received;
  }
  async function expectRejected(body: string, expected: Partial<NonNullable<ProblemBody['errors']>[number]>, path = '/data'): Promise<void> {
    const answer = await post(body, {}, path);
    expect(answer.status).toBe(400);
    expect(answer.problem.errors?.[0]).toMatchObject(expected);
    expect(await lines()).toEqual([]);
  }

  describe('grammar of a line', () => {
    it('`timestamp name value` separated by runs of spaces or tabs; outer blanks, CRLF, a missing or present final line end, and blank lines are fine', async () => {
      expect(await post('\n 1 a 1\t\r\n\r\n2\t \tb   2\n \t\n3 c 3')).toMatchObject({ status: 200, text: '{"success":true}' });
      expect(await lines()).toEqual([' 1 a 1\t', '2\t \tb   2', '3 c 3']);
      expect((await post('4 d 4\n')).status).toBe(200);
    });

    it('timestamp: unix seconds, digits only, 0 to 253402300799', async () => {
      expect((await post('0 a 1\n253402300799 a 1')).status).toBe(200);
      await database.query('delete from bronze.raw_readings');
      await expectRejected('253402300800 a 1', { code: 'timestamp-out-of-range', line: 1, column: 1 });
      await expectRejected('-1 a 1', { code: 'invalid-timestamp' });
      await expectRejected('1.5 a 1', { code: 'invalid-timestamp', column: 2 });
    });

    it.each([['s', '253402300799'], ['ms', '253402300799999'], ['us', '253402300799999999'], ['ns', '253402300799999999999']])('?precision=%s changes the unit; the last instant is the same', async (precision, last) => {
      expect((await post(`${last} a 1`, {}, `/data?precision=${precision}`)).status).toBe(200);
      expect(await stored()).toEqual([{ line: `${last} a 1`, device: null, precision: precision === 's' ? null : precision }]);
      await database.query('delete from bronze.raw_readings');
      await expectRejected(`${BigInt(last) + 1n} a 1`, { code: 'timestamp-out-of-range' }, `/data?precision=${precision}`);
    });

    it('a number too large for seconds is rejected with a hint that names the precision it looks like', async () => {
      for (const [zeros, precision] of [['000', 'ms'], ['000000', 'us'], ['000000000', 'ns']] as const) {
        expect((await post(`1649941817${zeros} a 1`)).problem.errors?.[0]?.detail).toContain(`?precision=${precision}`);
      }
    });

    it('an unknown precision or an unknown parameter is 400', async () => {
      for (const query of ['precision=h', 'precision=', 'precision=s&precision=ms', 'unit=s', 'precision=constructor']) {
        expect(await post('1 a 1', {}, `/data?${query}`)).toMatchObject({ status: 400, problem: { type: '/docs/errors#invalid-parameter' } });
      }
      expect(await lines()).toEqual([]);
    });

    it('every wrong parameter and header is told at once, and where it was probably misspelt', async () => {
      const answer = await post('1 a 1', { 'idempotency-key': 'x'.repeat(256) }, '/data?precison=ms&precision=h');
      expect(answer.problem.errors).toEqual([
        { parameter: 'precison', code: 'unknown', detail: 'is not a parameter; did you mean precision?' },
        { parameter: 'precision', code: 'invalid', detail: 'must be one of s, ms, us, ns' },
        { parameter: 'Idempotency-Key', code: 'invalid', detail: 'must hold 1 to 255 printable ASCII characters' },
      ]);
    });

    it('name: a letter, then letters, digits, _ . : / -; at most 128; any name is stored', async () => {
      const names = ['V', 'a_b.c:d/e-9', 'n'.repeat(128)];
      expect((await post(names.map((name) => `1 ${name} 1`).join('\n'))).status).toBe(200);
      expect(await lines()).toEqual(names.map((name) => `1 ${name} 1`));
      await database.query('delete from bronze.raw_readings');
      await expectRejected('1 9a 1', { code: 'invalid-name', column: 3 });
      await expectRejected('1 aé 1', { code: 'invalid-name', column: 4 });
      await expectRejected(`1 ${'n'.repeat(129)} 1`, { code: 'name-too-long' });
    });

    it('value: decimal with optional sign, fraction, exponent', async () => {
      const values = ['1', '-1.5', '+.5', '5.', '1e5', '1E-5', '-0', '5e-324', '1.7976931348623157e308'];
      expect((await post(values.map((value) => `1 a ${value}`).join('\n'))).status).toBe(200);
      expect(await lines()).toEqual(values.map((value) => `1 a ${value}`));
    });

    it.each([['NaN', 'not-finite'], ['Infinity', 'not-finite'], ['1e400', 'overflow'], ['1e-400', 'underflow'], ['0x10', 'hexadecimal'], ['1_000', 'digit-separator'], ['1,34', 'decimal-comma'], ['', 'missing-field'], ['abc', 'invalid-value']])('value %j is rejected as %s', async (value, code) => {
      await expectRejected(`1 a ${value}`, { code, line: 1 });
    });

    it('at most 4 KiB a line', async () => {
      const line = `1 a ${'1'.padEnd(4092)}`;
      expect((await post(line)).status).toBe(200);
      expect(await lines()).toEqual([line]);
      await database.query('delete from bronze.raw_readings');
      await expectRejected(`${line} \n2 b 2`, { code: 'line-too-long', line: 1 });
    });
  });

  describe('all or nothing', () => {
    it('good: 200 and exactly {"success":true}', async () => {
      const answer = await post('1 a 1');
      expect([answer.status, answer.text]).toEqual([200, '{"success":true}']);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    });

    it('the reply is sent after COMMIT: the lines are there when it arrives', async () => {
      for (let i = 0; i < 20; i++) {
        await post(`${i} a ${i}`);
        expect(await lines()).toContain(`${i} a ${i}`);
      }
    });

    it('bad: 400, nothing stored, RFC 9457 members and each rejected line with line, column, code and detail', async () => {
      const answer = await post('1 a 1\nx a 1\n3 a 3\n4 a 1,5\n', { 'x-request-id': 'r-1' });
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(answer.problem).toMatchObject({ success: false, type: '/docs/errors#invalid-lines', status: 400, instance: 'r-1', total_errors: 2 });
      expect(typeof answer.problem.title).toBe('string');
      expect(answer.problem.detail).toContain('2 of 4 lines');
      expect(answer.problem.errors).toEqual([
        { line: 2, column: 1, code: 'invalid-timestamp', detail: expect.any(String) },
        { line: 4, column: 6, code: 'decimal-comma', detail: expect.any(String) },
      ]);
      expect(await lines()).toEqual([]);
    });

    it('errors: the first 100, plus the total', async () => {
      const { problem } = await post('x\n'.repeat(250));
      expect([problem.errors?.length, problem.errors?.at(-1)?.line, problem.total_errors]).toEqual([100, 100, 250]);
    });

    it('no readings at all: 400', async () => {
      for (const body of ['', '\n', ' \t\r\n\n', undefined]) {
        expect(await post(body)).toMatchObject({ status: 400, problem: { type: '/docs/errors#no-readings' } });
      }
    });
  });

  describe('content types', () => {
    it.each(['text/plain', 'text/plain; charset=utf-8', 'text/csv', 'application/x-www-form-urlencoded', 'application/x-anything'])('%s is accepted as text', async (type) => {
      expect((await post('1 a 1', { 'content-type': type })).status).toBe(200);
      expect(await lines()).toEqual(['1 a 1']);
    });

    it('no content type at all is accepted', async () => {
      expect(await raw('POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1 a 1')).toContain('{"success":true}');
      expect(await lines()).toEqual(['1 a 1']);
    });

    it.each(['application/json', 'application/vnd.api+json', 'application/x-ndjson', 'multipart/form-data; boundary=x', 'application/octet-stream', 'image/png', 'application/gzip'])('%s: 415', async (type) => {
      expect(await post('1 a 1', { 'content-type': type })).toMatchObject({ status: 415, problem: { type: '/docs/errors#unsupported-media-type', success: false } });
      expect(await lines()).toEqual([]);
    });

    it('lines that look glued together (curl -d @file) say "use --data-binary"', async () => {
      const answer = await post('1649941817 Voltage 1.341649941818 Voltage 1.351649941817 Current 12.0', { 'content-type': 'application/x-www-form-urlencoded' });
      expect(answer.problem.errors?.[0]).toMatchObject({ code: 'glued-lines', detail: expect.stringContaining('use --data-binary') });
      expect(await lines()).toEqual([]);
    });

    it('a body that is not valid UTF-8, or holds NUL: 400', async () => {
      for (const body of [Buffer.from([0x31, 0x20, 0xff, 0x20, 0x31]), Buffer.from('1 a 1\n2 b\0 2'), Buffer.from('1 a 1', 'utf16le')]) {
        expect(await post(bytes(body))).toMatchObject({ status: 400, problem: { type: '/docs/errors#invalid-body' } });
      }
      expect(await lines()).toEqual([]);
    });

    it('a byte order mark and lone carriage returns are named', async () => {
      await expectRejected('\uFEFF1 a 1', { code: 'byte-order-mark', column: 1 });
      await expectRejected('1 a 1\r2 b 2\r', { code: 'lone-carriage-return', column: 6 });
    });
  });

  describe('compressed bodies and limits', () => {
    it.each([['gzip', gzipSync('1 a 1\n2 b 2')], ['x-gzip', gzipSync('1 a 1\n2 b 2')], ['deflate', deflateSync('1 a 1\n2 b 2')], ['identity', Buffer.from('1 a 1\n2 b 2')], ['gzip', Buffer.concat([gzipSync('1 a 1\n'), gzipSync('2 b 2')])]])('%s is decoded, several members too', async (encoding, body) => {
      expect(await post(bytes(body), { 'content-encoding': encoding })).toMatchObject({ status: 200 });
      expect(await lines()).toEqual(['1 a 1', '2 b 2']);
    });

    it('a truncated or damaged body, and bytes behind its end: 400, nothing stored', async () => {
      const good = gzipSync('1 a 1\n'.repeat(1_000));
      const damaged = Buffer.from(good);
      damaged[20]! ^= 0xff;
      for (const body of [good.subarray(0, good.length - 4), good.subarray(0, 12), damaged, Buffer.from('1 a 1'), Buffer.concat([good, Buffer.from([0]), gzipSync('2 b 2')])]) {
        expect(await post(bytes(body), { 'content-encoding': 'gzip' })).toMatchObject({ status: 400, problem: { type: '/docs/errors#invalid-body' } });
      }
      expect(await lines()).toEqual([]);
    });

    it('an unknown content encoding: 415', async () => {
      for (const encoding of ['br', 'zstd', 'gzip, gzip']) expect((await post('1 a 1', { 'content-encoding': encoding })).status).toBe(415);
    });

    it('the limit counts decoded bytes: 413 for an honest length, for chunks, and for a small body that unpacks to a large one', async () => {
      const atLimit = '1 a 1\n'.repeat(LIMIT / 6).padEnd(LIMIT, '\n');
      expect((await post(atLimit)).status).toBe(200);
      expect((await post(bytes(gzipSync(atLimit)), { 'content-encoding': 'gzip' })).status).toBe(200);
      await database.query('delete from bronze.raw_readings');
      const tooLarge = { status: 413, problem: { type: '/docs/errors#body-too-large' } };
      expect(await post(`${atLimit}\n`)).toMatchObject(tooLarge);
      expect(await post(bytes(gzipSync(`${atLimit}\n`)), { 'content-encoding': 'gzip' })).toMatchObject(tooLarge);
      expect(await post(bytes(gzipSync(Buffer.alloc(50 << 20, '\n'))), { 'content-encoding': 'gzip' })).toMatchObject(tooLarge);
      const chunk = '1 a 1\n'.repeat(1_000);
      const chunks = Array.from({ length: 12 }, () => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
      expect(await raw('POST /data HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', ...chunks, '0\r\n\r\n')).toContain('413');
      expect(await lines()).toEqual([]);
    });
  });

  describe('Idempotency-Key', () => {
    it('same key and same body replays the stored outcome and says so; compressed or not is the same body', async () => {
      const first = await post('1 a 1', { 'idempotency-key': 'k1' });
      expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([200, null]);
      const again = await post('1 a 1', { 'idempotency-key': 'k1' });
      expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([200, '{"success":true}', 'true']);
      const compressed = await post(bytes(gzipSync('1 a 1')), { 'idempotency-key': 'k1', 'content-encoding': 'gzip' });
      expect(compressed.headers.get('idempotency-replayed')).toBe('true');
      expect(await lines()).toEqual(['1 a 1']);
    });

    it('same key and other body: 422; another precision is another body', async () => {
      await post('1 a 1', { 'idempotency-key': 'k2' });
      const mismatch = { status: 422, problem: { type: '/docs/errors#idempotency-mismatch' } };
      expect(await post('1 a 2', { 'idempotency-key': 'k2' })).toMatchObject(mismatch);
      expect(await post('1 a 1', { 'idempotency-key': 'k2' }, '/data?precision=ms')).toMatchObject(mismatch);
      expect(await lines()).toEqual(['1 a 1']);
    });

    it('still in flight: 409', async () => {
      const holder = await database.session();
      await holder.query(`begin; insert into ingot.idempotency_keys values ('default', 'k3', '\\x00', gen_random_uuid(), 200)`);
      expect(await post('1 a 1', { 'idempotency-key': 'k3' })).toMatchObject({ status: 409, problem: { type: '/docs/errors#idempotency-in-flight' } });
      await holder.query('rollback');
      expect((await post('1 a 1', { 'idempotency-key': 'k3' })).status).toBe(200);
    });

    it('the same batch ten times at once with one key is stored once, the rest are replays or 409; without a key each copy is stored', async () => {
      const keyed = await Promise.all(Array.from({ length: 10 }, () => post('1 a 1', { 'idempotency-key': 'k4' })));
      expect(keyed.filter(({ status, headers }) => status === 200 && headers.get('idempotency-replayed') === null)).toHaveLength(1);
      expect(keyed.every(({ status }) => status === 200 || status === 409)).toBe(true);
      expect(await lines()).toEqual(['1 a 1']);
      await Promise.all(Array.from({ length: 10 }, () => post('2 b 2')));
      expect((await lines()).filter((line) => line === '2 b 2')).toHaveLength(10);
    });

    it('is scoped to the device, and stored in the same transaction as the rows', async () => {
      for (const device of ['d1', 'd2']) expect((await post('1 a 1', { 'idempotency-key': 'k5', 'x-device-id': device })).headers.get('idempotency-replayed')).toBeNull();
      expect(await lines()).toHaveLength(2);
      const rows = await database.query(`select k.xmin = f.xmin as same from ingot.idempotency_keys k join bronze.flushes f using (flush_id) where k.key = 'k5'`);
      expect(rows).toEqual([{ same: true }, { same: true }]);
    });

    it('a refused body does not use the key up', async () => {
      expect((await post('1 a x', { 'idempotency-key': 'k6' })).status).toBe(400);
      expect((await post('1 a 1', { 'idempotency-key': 'k6' })).headers.get('idempotency-replayed')).toBeNull();
      expect(await lines()).toEqual(['1 a 1']);
    });

    it('an empty or too long key is 400', async () => {
      for (const key of ['', 'k'.repeat(256), 'é']) expect((await post('1 a 1', { 'idempotency-key': key })).status).toBe(400);
      expect((await post('1 a 1', { 'idempotency-key': 'k'.repeat(255) })).status).toBe(200);
    });
  });

  describe('identity', () => {
    it('the device comes from X-Device-Id, else it is `default`', async () => {
      await post('1 a 1', { 'x-device-id': 'meter 7/"x"\\' });
      await post('2 a 1');
      await post('3 a 1', { 'x-device-id': 'default' });
      expect((await stored()).map((row) => row.device)).toEqual(['meter 7/"x"\\', null, null]);
    });

    it('a transfer coding other than chunked is 415', async () => {
      expect(await raw('POST /data HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\n1 a 1\r\n0\r\n\r\n')).toMatch(/^HTTP\/1.1 415 /);
      expect(await lines()).toEqual([]);
    });

    it('a device id or key that is given twice is 400, not one made of both', async () => {
      for (const name of ['X-Device-Id', 'Idempotency-Key']) {
        expect(await raw(`POST /data HTTP/1.1\r\nHost: x\r\n${name}: a\r\n${name}: b\r\nContent-Length: 5\r\n\r\n1 a 1`)).toMatch(/^HTTP\/1.1 400 .*given more than once/s);
      }
      expect(await lines()).toEqual([]);
    });

    it('a client that closes its side after the body still gets its answer', async () => {
      const { hostname, port } = new URL(service.url);
      const socket = net.connect({ port: Number(port), host: hostname, allowHalfOpen: true });
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString())).end('POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1 a 1');
      await once(socket, 'end');
      expect(received).toMatch(/^HTTP\/1.1 200 [^]*\{"success":true\}$/);
    });

    it('a device id that is empty, too long or not printable ASCII is 400', async () => {
      for (const device of ['', 'd'.repeat(129), 'é', 'a\tb']) expect((await post('1 a 1', { 'x-device-id': device })).status).toBe(400);
      expect(await lines()).toEqual([]);
    });
  });

  describe('overload, a lost database, aborted bodies', () => {
    it('a full queue: 503 with Retry-After in under 100 ms, never a 4xx', async () => {
      const blocker = await database.session();
      await blocker.query('begin; lock table bronze.raw_readings in access exclusive mode');
      const large = '1 a 1\n'.repeat(5_000);
      const waiting: Promise<Answer>[] = [];
      for (let i = 0; i < 4; i++) {
        waiting.push(post(large)); // two in flight, two in the queue: together they hold what may be held
        await sleep(40);
      }
      const before = performance.now();
      const answer = await post(large);
      expect(performance.now() - before).toBeLessThan(100);
      expect(answer).toMatchObject({ status: 503, problem: { type: '/docs/errors#overloaded', outcome: 'not_stored' } });
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      await blocker.query('rollback');
      expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    });

    it('bodies that never end hold no more memory than that: the next is refused, until they are gone', async () => {
      const { port } = new URL(service.url);
      const stalled = Array.from({ length: 3 }, () => net.connect(Number(port), '127.0.0.1'));
      for (const socket of stalled) {
        socket.on('error', () => undefined).resume();
        socket.write(`POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: ${LIMIT}\r\n\r\n${'1 a 1\n'.repeat(9_000)}`);
      }
      await sleep(200);
      expect(await post('1 a 1\n'.repeat(9_000))).toMatchObject({ status: 503, problem: { type: '/docs/errors#overloaded', outcome: 'not_stored' } });
      stalled.forEach((socket) => socket.destroy());
      await sleep(200);
      expect((await post('2 a 1')).status).toBe(200);
      expect(await lines()).toEqual(['2 a 1']);
    });

    it('a database that does not answer: 503 within the deadline, with outcome', async () => {
      const blocker = await database.session();
      await blocker.query('begin; lock table bronze.raw_readings in access exclusive mode');
      const before = performance.now();
      const answer = await post('1 a 1');
      expect(performance.now() - before).toBeLessThan(DEADLINE_MS);
      expect(answer).toMatchObject({ status: 503, problem: { type: '/docs/errors#database-unavailable', outcome: 'not_stored' } });
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      await blocker.query('rollback');
      expect(await lines()).toEqual([]);
    });

    it('a body cut short stores nothing, at whatever byte', async () => {
      const body = '1 a 1\n2 b 2\n3 c 3\n';
      const { hostname, port } = new URL(service.url);
      for (const encoded of [Buffer.from(body), gzipSync(body)]) {
        const encoding = encoded.toString() === body ? '' : 'Content-Encoding: gzip\r\n';
        for (let cut = 0; cut < encoded.length; cut++) {
          const socket = net.connect(Number(port), hostname);
          socket.on('error', () => undefined);
          socket.write(`POST /data HTTP/1.1\r\nHost: x\r\n${encoding}Content-Length: ${encoded.length}\r\n\r\n`);
          await new Promise((resolve) => socket.write(encoded.subarray(0, cut), resolve));
          if (cut % 2 === 0) socket.destroy();
          else socket.resetAndDestroy();
        }
      }
      const chunked = 'POST /data HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n1 a 1\n\r\n'; // the last chunk is missing
      const socket = net.connect(Number(port), hostname);
      await new Promise((resolve) => socket.write(chunked, resolve));
      socket.end();
      await sleep(200);
      expect(await lines()).toEqual([]);
      expect((await post('9 z 9')).status).toBe(200);
      expect(await lines()).toEqual(['9 z 9']);
    });

    it('`Expect: 100-continue` is answered before the body is sent', async () => {
      const { hostname, port } = new URL(service.url);
      const socket = net.connect(Number(port), hostname);
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.write('POST /data HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
      for (let i = 0; i < 50 && !received.includes('100 Continue'); i++) await sleep(10);
      expect(received).toContain('100 Continue');
      socket.write('1 a 1');
      for (let i = 0; i < 100 && !received.includes('success'); i++) await sleep(10);
      expect(received).toContain('{"success":true}');
      socket.destroy();
    });
  });
});
