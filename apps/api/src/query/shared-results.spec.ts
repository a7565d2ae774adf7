import { describe, expect, it } from '@jest/globals';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { SharedResults, type Produce, type Result } from './shared-results.js';

const MIB = 1024 * 1024;
/** The signal of a client that does not leave. */
const stays = (): AbortSignal => new AbortController().signal;
const bytes = async ({ body }: Result): Promise<Buffer> => (body instanceof Readable ? buffer(body) : body);

/** A statement under the test's control. */
function statement(): { produce: Produce; runs: { body: PassThrough; signal: AbortSignal }[] } {
  const runs: { body: PassThrough; signal: AbortSignal }[] = [];
  return {
    runs,
    produce: (signal) => {
      const body = new PassThrough({ highWaterMark: 64 * 1024 });
      signal.addEventListener('abort', () => body.destroy(new Error('aborted')));
      runs.push({ body, signal });
      return Promise.resolve({ body, next: `/next/${runs.length}` });
    },
  };
}

describe('shared results', () => {
  it('are read once for equal requests of one moment, and kept for those that come later', async () => {
    const results = new SharedResults(MIB);
    const { produce, runs } = statement();
    const requests = Array.from({ length: 5 }, () => results.get('tag', stays(), produce));
    const other = results.get('other', stays(), produce);
    await turn();
    expect(runs).toHaveLength(2);
    runs.forEach(({ body }, i) => body.end(`rows ${i}`));
    for (const result of await Promise.all(requests)) expect([(await bytes(result)).toString(), result.next]).toEqual(['rows 0', '/next/1']);
    expect((await bytes(await other)).toString()).toBe('rows 1');
    expect((await bytes(await results.get('tag', stays(), produce))).toString()).toBe('rows 0');
    expect(runs).toHaveLength(2);
  });

  it('are neither kept nor shared without a tag, or with no room at all', async () => {
    for (const [results, tag] of [[new SharedResults(MIB), undefined], [new SharedResults(0), 'tag']] as const) {
      const { produce, runs } = statement();
      const both = Promise.all([results.get(tag, stays(), produce), results.get(tag, stays(), produce)]);
      runs.forEach(({ body }) => body.end('x'));
      expect((await both).map(({ body }) => body instanceof Readable)).toEqual([true, true]);
      expect([runs.length, results.usage.results]).toEqual([2, 0]);
    }
  });

  it('go on for the others when the one who came first leaves, and end when all have left', async () => {
    const results = new SharedResults(MIB);
    const { produce, runs } = statement();
    const [first, second] = [new AbortController(), new AbortController()];
    const [a, b] = [results.get('tag', first.signal, produce), results.get('tag', second.signal, produce)];
    await turn();
    first.abort(new Error('gone'));
    await expect(a).rejects.toThrow('gone');
    expect(runs[0]?.signal.aborted).toBe(false);
    runs[0]?.body.end('rows');
    expect((await bytes(await b)).toString()).toBe('rows');

    const third = new AbortController();
    const c = results.get('third', third.signal, produce);
    await turn();
    third.abort(new Error('gone'));
    await expect(c).rejects.toThrow('gone');
    expect(runs[1]?.signal.aborted).toBe(true);
    // Who comes now has nothing to do with what was given up.
    const d = results.get('third', stays(), produce);
    await turn();
    runs[2]?.body.end('anew');
    expect((await bytes(await d)).toString()).toBe('anew');
  });

  it('fail for all who wait, and are tried again by the next', async () => {
    const results = new SharedResults(MIB);
    const { produce, runs } = statement();
    const both = [results.get('tag', stays(), produce), results.get('tag', stays(), produce)];
    await turn();
    runs[0]?.body.destroy(new Error('broke off'));
    for (const request of both) await expect(request).rejects.toThrow('broke off');
    const again = results.get('tag', stays(), produce);
    await turn();
    runs[1]?.body.end('rows');
    expect((await bytes(await again)).toString()).toBe('rows');
    const refused: Produce = () => Promise.reject(new Error('no connection'));
    await expect(results.get('refused', stays(), refused)).rejects.toThrow('no connection');
  });

  it('too large to be kept stream to the first, whole and with back-pressure; the others read for themselves', async () => {
    const results = new SharedResults(MIB); // 64 KiB each
    const { produce, runs } = statement();
    const requests = [results.get('tag', stays(), produce), results.get('tag', stays(), produce)];
    await turn();
    const chunk = Buffer.alloc(16 * 1024, 'x');
    let written = 0;
    while (written < 40 && runs[0]!.body.write(Buffer.concat([Buffer.from(`${written}`.padEnd(4)), chunk]))) {
      written++;
      await turn();
    }
    expect(written).toBeLessThan(40); // nobody has taken anything: what came is all that is held
    const first = await requests[0]!;
    expect(first.body).toBe(runs[0]!.body);
    for (written++; written < 40; written++) runs[0]!.body.write(Buffer.concat([Buffer.from(`${written}`.padEnd(4)), chunk]));
    runs[0]!.body.end();
    const all = await bytes(first);
    expect(all.length).toBe(40 * (16 * 1024 + 4));
    expect(Array.from({ length: 40 }, (_, i) => Number(all.toString('latin1', i * (16 * 1024 + 4), i * (16 * 1024 + 4) + 4)))).toEqual(Array.from({ length: 40 }, (_, i) => i));

    await turn();
    expect(runs).toHaveLength(2);
    runs[1]!.body.end('its own');
    expect((await bytes(await requests[1]!)).toString()).toBe('its own');
    expect(results.usage).toEqual({ results: 0, bytes: 0 });
    void results.get('tag', stays(), produce);
    expect(runs).toHaveLength(3); // known to be large: nobody waits for anybody
    runs[2]!.body.end();
  });

  it('stay within their bytes: the least recently used goes first', async () => {
    const results = new SharedResults(MIB);
    const make = (size: number): Produce => () => Promise.resolve({ body: Readable.from([Buffer.alloc(size)], { objectMode: false }) });
    for (let i = 0; i < 20; i++) {
      await results.get(`tag ${i}`, stays(), make(60 * 1024));
      await results.get('tag 0', stays(), make(1)); // asked for again and again: it stays
    }
    expect(results.usage.bytes).toBeLessThanOrEqual(MIB);
    expect(results.usage.results).toBeGreaterThan(14);
    const { produce, runs } = statement();
    expect((await bytes(await results.get('tag 0', stays(), produce))).length).toBe(60 * 1024);
    expect(runs).toHaveLength(0);
    const gone = results.get('tag 1', stays(), produce);
    await turn();
    runs[0]?.body.end();
    await gone;
    for (let i = 0; i < 3_000; i++) await results.get(`empty ${i}`, stays(), make(0));
    expect(results.usage.bytes).toBeLessThanOrEqual(MIB);
    expect(results.usage.results).toBeLessThan(2_200); // nothing is free
  });
});
