import { describe, expect, it } from '@jest/globals';
import { LargeReads } from './large-reads.js';

describe('LargeReads', () => {
  it('bounds the answers, and apart from them the connections they copy from', () => {
    const large = new LargeReads({ streams: 3, connections: 2 });
    const first = large.tryTake();
    const second = large.tryTake();
    expect(large.tryTake()).toBeUndefined(); // no connection
    first?.copied();
    const third = large.tryTake();
    expect(third).toBeDefined();
    second?.copied();
    expect(large.tryTake()).toBeUndefined(); // no stream
    expect(large.usage).toEqual({ streams: 3, copying: 1, waiting: 0, limit: 3 });
    for (const leave of [first, first, second, third]) leave?.done(); // more than once, without harm
    expect(large.usage).toEqual({ streams: 0, copying: 0, waiting: 0, limit: 3 });
  });

  it('serves those who wait in their order, and nobody before them', async () => {
    const large = new LargeReads({ streams: 1, connections: 1 });
    const given = large.tryTake();
    const order: string[] = [];
    const a = large.take(1_000).then((leave) => (order.push('a'), leave));
    const b = large.take(1_000).then((leave) => (order.push('b'), leave));
    expect(large.usage.waiting).toBe(2);
    given?.done();
    expect(large.tryTake()).toBeUndefined();
    (await a).done();
    (await b).done();
    expect(order).toEqual(['a', 'b']);
    expect(large.usage).toEqual({ streams: 0, copying: 0, waiting: 0, limit: 1 });
  });

  it('gives up after its time, and when the client has left', async () => {
    const large = new LargeReads({ streams: 1, connections: 1 });
    const given = large.tryTake();
    const client = new AbortController();
    const left = large.take(1_000, client.signal);
    client.abort();
    await expect(left).rejects.toMatchObject({ code: 'abandoned' });
    await expect(large.take(1_000, client.signal)).rejects.toMatchObject({ code: 'abandoned' });
    await expect(large.take(20)).rejects.toMatchObject({ code: 'large reads busy' });
    expect(large.usage.waiting).toBe(0);
    given?.done();
    expect(large.usage.streams).toBe(0); // nothing was given to those who had gone
  });
});
