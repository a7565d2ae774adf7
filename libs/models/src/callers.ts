import type { Freshness } from './freshness.js';
import { covers, type Snapshot } from './watermark.js';

interface Caller {
  readonly settle: (freshness: Freshness) => void;
  /** Of the first look after he came: all that was committed before he came is in it. */
  moment?: Snapshot;
}

/** Those who wait to be told whether what is published covers their moment, each for a limited time. */
export class Callers {
  private waiting = new Set<Caller>();

  /** Resolves when settled, or with the reason `timeout`. */
  wait(timeoutMs: number): Promise<Freshness> {
    return new Promise((resolve) => {
      const caller: Caller = {
        settle: (freshness) => {
          clearTimeout(timer);
          resolve(freshness);
        },
      };
      const timer = setTimeout(() => {
        this.waiting.delete(caller);
        resolve({ fresh: false, reason: 'timeout' });
      }, timeoutMs);
      this.waiting.add(caller);
    });
  }

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  /**
   * Those who wait at this moment, as a group that is settled together. Who comes later is not among them: what is
   * looked up from now on may be older than his moment by then.
   */
  take(): Group {
    const members = [...this.waiting];
    return {
      isEmpty: () => !members.some((caller) => this.waiting.has(caller)),
      settle: (freshness) => {
        for (const caller of members) if (this.waiting.delete(caller)) caller.settle(freshness);
      },
      settleUpTo: (seen, freshness) => {
        for (const caller of members) if (caller.moment !== undefined && covers(seen, caller.moment) && this.waiting.delete(caller)) caller.settle(freshness);
      },
      remember: (now) => {
        for (const caller of members) caller.moment ??= now;
      },
    };
  }
}

/** Callers of one moment. Those not settled go on waiting. */
export interface Group {
  /** True when every member is settled or has given up. */
  isEmpty(): boolean;
  settle(freshness: Freshness): void;
  /** Settles those whose moment the watermark covers, whatever has been written since: while lines keep coming there is always something unseen. */
  settleUpTo(seen: Snapshot, freshness: Freshness): void;
  /** Of a look that began after the group was taken: what its members wait for. */
  remember(now: Snapshot): void;
}
