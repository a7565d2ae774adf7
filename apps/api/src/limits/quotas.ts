import type { FastifyRequest } from 'fastify';
import { network } from '../network.js';
import { principalOf } from '../principal.js';
import type { DayLedger } from './day-ledger.js';
import { QuotaUsage, type Clocks, type Quota } from './quota-usage.js';

/** Keys and addresses remembered at a time, 200 bytes each. One that is forgotten begins with a full bucket; its bytes of the day come back from the ledger. */
const MOST_SUBJECTS = 100_000;
const CLOCKS: Clocks = { steady: () => performance.now() / 1_000, utc: () => Date.now() / 1_000 };

export interface QuotaOptions {
  /** Of a key that has none of its own, and of an address where there are no keys. */
  readonly quota: Quota;
  readonly burstSeconds: number;
  readonly ledger: DayLedger;
  readonly clocks?: Clocks;
}

/** Who has used how much: in memory, so that asking costs no more than a look-up; the bytes of the day in a ledger as well. */
export class Quotas {
  private readonly usages = new Map<string, QuotaUsage>();
  private readonly clocks: Clocks;
  private ticks = 0;

  constructor(private readonly options: QuotaOptions) {
    this.clocks = options.clocks ?? CLOCKS;
  }

  /** Undefined = whoever asks has no quota. */
  of(request: FastifyRequest): QuotaUsage | undefined {
    const { quota: own, keyId, subject } = principalOf(request);
    const { linesPerSecond, bytesPerDay } = this.options.quota;
    const quota = own === undefined ? this.options.quota : { linesPerSecond: own.linesPerSecond ?? linesPerSecond, bytesPerDay: own.bytesPerDay ?? bytesPerDay };
    if (quota.linesPerSecond === 0 && quota.bytesPerDay === 0) return undefined;
    const name = keyId !== undefined ? `key ${keyId}` : subject !== undefined ? `subject ${subject}` : `address ${network(request.ip)}`;
    const usage = this.usages.get(name) ?? this.remember(name);
    usage.usedAt = this.ticks;
    return usage.under(quota);
  }

  /** What earlier processes, and others beside this one, have counted of today. */
  async load(): Promise<void> {
    const day = Math.floor(this.clocks.utc() / 86_400);
    for (const { subject, bytes } of await this.options.ledger.of(day, MOST_SUBJECTS)) (this.usages.get(subject) ?? this.remember(subject)).settle(day, bytes);
  }

  /** Adds to the ledger what it does not hold yet. What cannot be written now is written with the next. */
  async save(): Promise<void> {
    this.ticks++;
    try {
      await this.write();
    } finally {
      this.forgetIdle(); // whether the ledger can be written or not: who sends without end is not to fill the memory
    }
  }

  private async write(): Promise<void> {
    const byDay = new Map<number, { usage: QuotaUsage; bytes: number }[]>();
    for (const usage of this.usages.values()) {
      if (usage.unsaved === 0) continue;
      const { day, bytes } = usage.takeUnsaved();
      byDay.set(day, [...(byDay.get(day) ?? []), { usage, bytes }]);
    }
    for (const [day, increments] of byDay) {
      try {
        const totals = await this.options.ledger.add(day, increments.map(({ usage, bytes }) => ({ subject: usage.subject, bytes })));
        for (const { subject, bytes } of totals) this.usages.get(subject)?.settle(day, bytes);
      } catch (error) {
        for (const { usage, bytes } of increments) if (usage.today === day) usage.unsaved += bytes;
        throw error;
      }
    }
  }

  private remember(name: string): QuotaUsage {
    const usage = new QuotaUsage(name, this.options.burstSeconds, this.clocks);
    this.usages.set(name, usage);
    return usage;
  }

  private forgetIdle(): void {
    if (this.usages.size <= MOST_SUBJECTS) return;
    const oldest = [...this.usages.values()].filter(({ unsaved }) => unsaved === 0).sort((a, b) => a.usedAt - b.usedAt);
    for (const { subject } of oldest.slice(0, this.usages.size - MOST_SUBJECTS)) this.usages.delete(subject);
  }
}
