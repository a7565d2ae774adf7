import { describe, expect, it } from '@jest/globals';
import { ClosingList } from './shutdown.js';

describe('ClosingList', () => {
  const quiet = (): void => undefined;

  it('closes the last opened first, each once', async () => {
    const order: string[] = [];
    const list = new ClosingList();
    for (const name of ['database', 'pools', 'http']) list.add(name, () => Promise.resolve(order.push(name)));
    expect(await list.close(1_000, quiet)).toEqual([]);
    await list.close(1_000, quiet);
    expect(order).toEqual(['http', 'pools', 'database']);
  });

  it('goes on after a step that fails, and names it', async () => {
    const order: string[] = [];
    const list = new ClosingList();
    list.add('database', () => Promise.resolve(order.push('database')));
    list.add('http', () => Promise.reject(new Error('stuck')));
    const reports: string[] = [];
    expect(await list.close(1_000, (step, error) => reports.push(`${step}: ${(error as Error).message}`))).toEqual(['http']);
    expect(order).toEqual(['database']);
    expect(reports).toEqual(['http: stuck']);
  });

  it('leaves a step behind that does not finish, with time left for the next', async () => {
    const list = new ClosingList();
    let closed = false;
    list.add('database', () => Promise.resolve((closed = true)));
    list.add('http', () => new Promise(() => undefined));
    const started = Date.now();
    expect(await list.close(1_200, quiet)).toEqual(['http']);
    expect(closed).toBe(true);
    expect(Date.now() - started).toBeLessThan(3_000);
  });
});
