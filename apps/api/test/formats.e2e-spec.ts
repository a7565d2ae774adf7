import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tableFromIPC } from 'apache-arrow';
import { startService, type RunningService } from './service.js';

const RANGE = 'from=2022-04-14&to=2022-04-15';
const LINES = ['1649941817 Voltage 1.34', '1649941818 Voltage 1.35', '1649941817 Current 12.0', '1649941818 Current 14.0'];
const MANY = 2_000; // from midnight of the second day on: the examples of README show the first

interface Item {
  time: string;
  name: string;
  value: number;
  device?: string;
}
interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

describe('formats', () => {
  let database: TestDatabase;
  let service: RunningService;
  let duck: DuckDBConnection;
  let folder: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url);
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-formats-'));
    duck = await (await DuckDBInstance.create()).connect();
    await duck.run("set TimeZone = 'UTC'");
    await post(LINES);
    await post(Array.from({ length: MANY }, (_, i) => `${1_649_980_800 + i} Voltage ${i / 7}`), '=cmd|x');
  });
  afterAll(async () => {
    duck.closeSync();
    rmSync(folder, { recursive: true });
    await service.stop();
    await database.drop();
  });

  async function post(lines: readonly string[], device?: string): Promise<void> {
    const answer = await fetch(`${service.url}/data`, { method: 'POST', body: lines.join('\n'), headers: device === undefined ? {} : { 'x-device-id': device } });
    expect(answer.status).toBe(200);
  }
  /** Not fetch(): it would undo the content coding. */
  const get = (query: string, headers: http.OutgoingHttpHeaders = {}, method = 'GET'): Promise<Answer> =>
    new Promise((resolve, reject) => {
      http
        .request(`${service.url}/data?${RANGE}${query}`, { method, headers }, (answer) => {
          void answer.toArray().then((chunks: Buffer[]) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }), reject);
        })
        .on('error', reject)
        .end();
    });
  const items = async (): Promise<Item[]> => JSON.parse((await get('')).body.toString()) as Item[];
  const duckRows = async (sql: string, file: Buffer, name: string): Promise<unknown[][]> => {
    writeFileSync(path.join(folder, name), file);
    return (await duck.runAndReadAll(sql.replace('$file', path.join(folder, name)))).getRowsJS();
  };
  const asRows = (list: readonly Item[]): unknown[][] => list.map(({ time, name, value, device }) => [BigInt(Date.parse(time)), name, value, device ?? null]);

  it('NDJSON is the items of the JSON array, one a line', async () => {
    const { headers, body } = await get('', { accept: 'application/x-ndjson' });
    expect(headers['content-type']).toBe('application/x-ndjson');
    expect(body.toString().trimEnd().split('\n').map((line) => JSON.parse(line) as Item)).toEqual(await items());
  });

  it('CSV is read by DuckDB with equal rows and types, a device that looks like a formula behind an apostrophe', async () => {
    const { headers, body } = await get('', { accept: 'text/csv' });
    expect(headers).toMatchObject({ 'content-type': 'text/csv; charset=utf-8; header=present', 'content-disposition': 'attachment; filename="data_2022-04-14_2022-04-15.csv"' });
    expect(body.toString().split('\r\n')).toHaveLength(LINES.length + 1 + MANY + 2);
    const guarded = (await items()).map((item) => (item.device === undefined ? item : { ...item, device: `'${item.device}` }));
    expect(await duckRows("select epoch_ms(time), name, value, device from read_csv('$file')", body, 'rows.csv')).toEqual(asRows(guarded));
    expect(await duckRows("select column_type from (describe select * from read_csv('$file'))", body, 'rows.csv')).toEqual([['TIMESTAMP WITH TIME ZONE'], ['VARCHAR'], ['DOUBLE'], ['VARCHAR']]);
  });

  it('Parquet is read by DuckDB with equal rows and types', async () => {
    const { headers, body } = await get('&format=parquet');
    expect(headers).toMatchObject({ 'content-type': 'application/vnd.apache.parquet', 'content-disposition': 'attachment; filename="data_2022-04-14_2022-04-15.parquet"' });
    expect(await duckRows("select epoch_ms(time), name, value, device from read_parquet('$file')", body, 'rows.parquet')).toEqual(asRows(await items()));
    expect(await duckRows("select column_type from (describe select * from read_parquet('$file'))", body, 'rows.parquet')).toEqual([['TIMESTAMP WITH TIME ZONE'], ['VARCHAR'], ['DOUBLE'], ['VARCHAR']]);
  });

  it('Arrow is read by apache-arrow with equal rows and types', async () => {
    const { headers, body } = await get('', { accept: 'application/vnd.apache.arrow.stream' });
    expect(headers).toMatchObject({ 'content-type': 'application/vnd.apache.arrow.stream', 'content-disposition': 'attachment; filename="data_2022-04-14_2022-04-15.arrows"' });
    const table = tableFromIPC(body);
    expect(table.schema.fields.map(({ name, type }) => `${name} ${String(type)}`)).toEqual(['time Timestamp<MICROSECOND, UTC>', 'name Utf8', 'value Float64', 'device Utf8']);
    const rows = Array.from(table, (row: { toArray(): [number, ...unknown[]] }) => row.toArray());
    expect(rows.map(([time, ...rest]) => [BigInt(time), ...rest])).toEqual(asRows(await items()));
  });

  it('an empty range is an empty file of each format', async () => {
    const empty = (format: string): Promise<Answer> => get(`&name=nothing&format=${format}`);
    expect((await empty('json')).body.toString()).toBe('[]');
    expect((await empty('ndjson')).body.toString()).toBe('');
    expect((await empty('csv')).body.toString()).toBe('time,name,value,device\r\n');
    expect(await duckRows("select count(*) from read_parquet('$file')", (await empty('parquet')).body, 'none.parquet')).toEqual([[0n]]);
    expect(tableFromIPC((await empty('arrow')).body).numRows).toBe(0);
  });

  it('format= wins over Accept, a browser gets JSON, and what nobody offers is refused with what there is', async () => {
    const typeOf = async (query: string, accept?: string): Promise<string | undefined> => (await get(query, accept === undefined ? {} : { accept })).headers['content-type'];
    expect(await typeOf('&format=csv', 'application/json')).toContain('text/csv');
    expect(await typeOf('', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8')).toBe('application/json; charset=utf-8');
    expect(await typeOf('', 'text/csv;q=0.5, application/x-ndjson;q=0.6')).toBe('application/x-ndjson');
    const refused = await get('', { accept: 'text/html' });
    expect([refused.status, JSON.parse(refused.body.toString())]).toEqual([406, expect.objectContaining({ success: false, detail: expect.stringMatching(/^\/data is offered as application\/json, .*application\/vnd.apache.arrow.stream\.$/) as unknown })]);
    const unknown = await get('&format=xml&from=x');
    expect([unknown.status, JSON.parse(unknown.body.toString())]).toEqual([400, expect.objectContaining({ errors: expect.arrayContaining([expect.objectContaining({ parameter: 'format' }), expect.objectContaining({ parameter: 'from' })]) as unknown })]);
  });

  it.each([
    ['gzip', gunzipSync, 'gzip;q=1, *;q=0.1'],
    ['br', brotliDecompressSync, 'gzip, deflate, br'],
  ] as const)('compresses with %s, and gives the same bytes', async (encoding, undo, header) => {
    for (const format of ['json', 'ndjson', 'csv', 'arrow']) {
      const [plain, coded] = [await get(`&format=${format}`), await get(`&format=${format}`, { 'accept-encoding': header })];
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(coded.headers).toMatchObject({ 'content-encoding': encoding, vary: expect.stringMatching(/accept-encoding/i) as unknown });
      expect(undo(coded.body).equals(plain.body)).toBe(true);
      expect(coded.body.length).toBeLessThan(plain.body.length / 2);
    }
  });

  it('leaves short answers and Parquet uncompressed, and refuses a client that takes no coding', async () => {
    const coding = async (query: string, header = 'gzip, br'): Promise<string | undefined> => (await get(query, { 'accept-encoding': header })).headers['content-encoding'];
    expect(await coding('&name=Current')).toBeUndefined();
    expect(await coding('&format=parquet')).toBeUndefined();
    expect(await coding('&name=Current', 'gzip, identity;q=0')).toBe('gzip');
    expect((await get('', { 'accept-encoding': 'identity;q=0' })).status).toBe(406);
    expect((await get('', { 'accept-encoding': 'br' }, 'HEAD')).headers['content-encoding']).toBeUndefined();
  });

  it('gives a file name to JSON, too, when asked for a download, and none to CSV when not', async () => {
    expect((await get('')).headers['content-disposition']).toBeUndefined();
    expect((await get('&download=true')).headers['content-disposition']).toBe('attachment; filename="data_2022-04-14_2022-04-15.json"');
    expect((await get('&format=csv&download=false')).headers['content-disposition']).toBeUndefined();
    expect((await get('&download=maybe')).status).toBe(400);
  });

  it("README's curls for other formats give what README shows", async () => {
    const examples = [...readFileSync('README.md', 'utf8').matchAll(/```sh\ncurl (?:-H '([^:']+): ([^']+)' )?'http:\/\/127\.0\.0\.1:3000(\/data\?[^']+)'\n```\n```(?:csv|ndjson)\n([^`]*?)\n```/g)];
    expect(examples).toHaveLength(2);
    for (const [, header, value = '', target = '', shown] of examples) {
      const answer = await fetch(service.url + target, { headers: header === undefined ? {} : { [header]: value } });
      expect((await answer.text()).replaceAll('\r\n', '\n').trimEnd()).toBe(shown);
    }
  });
});
