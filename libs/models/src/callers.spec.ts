import { describe, expect, it } from '@jest/globals';
import { Callers } from './callers.js';

describe('callers that wait for another process', () => {
  it('are settled by the first watermark that covers their moment, though lines have come since', async () => {
    const callers = new Callers();
    const early = callers.wait(60_000);
    const first = callers.take();
    first.settleUpTo({ xmax: 9n, xip: [] }, { fresh: true }); // nobody has looked for them yet: it may be older than they are
    first.remember({ xmax: 20n, xip: [15n] });
    const late = callers.wait(60_000);
    const both = callers.take();
    both.remember({ xmax: 30n, xip: [] }); // of the second only: the first has a moment
    both.settleUpTo({ xmax: 20n, xip: [12n, 15n] }, { fresh: true }); // a run whose snapshot did not see 12
    expect(both.isEmpty()).toBe(false);
    both.settleUpTo({ xmax: 25n, xip: [15n, 22n] }, { fresh: true, runId: 1n });
    expect(await early).toEqual({ fresh: true, runId: 1n });
    expect(callers.isEmpty).toBe(false);
    both.settleUpTo({ xmax: 31n, xip: [] }, { fresh: true, runId: 2n });
    expect(await late).toEqual({ fresh: true, runId: 2n });
    expect(callers.isEmpty).toBe(true);
  });
});
