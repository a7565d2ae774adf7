import { obstacles, readDurability, weaknesses, type Connection, type DiskState, type Durability } from '@ingot/postgres';

export interface DurabilityOptions {
  /** What the sessions that store lines have; undefined before the first is open, and where none is. */
  readonly synchronousCommit: () => string | undefined;
  readonly disks: () => readonly DiskState[];
  /** The operator has said `unsafe`: what would make it not ready is told, and it is ready. */
  readonly allowUnsafe: boolean;
  /** Told of each reason that is new, in words. */
  readonly warn: (reason: string) => void;
  /** How long an answer of the server is taken for true. */
  readonly freshMs?: number;
}

/** A server that is configured anew, promoted or replaced shows within this; a new connection is asked at once. */
const FRESH_MS = 10_000;

/** Whether an acknowledgement can be relied on: what the server said when it was last asked, and what is known here. */
export class DurabilityState {
  private known: { readonly facts: Durability; readonly pid: number | undefined; readonly at: number } | undefined;
  private told: readonly string[] = [];

  constructor(private readonly options: DurabilityOptions) {}

  /** Asks the server when the last answer is old, or came by another connection; says whether it did. */
  async refresh(client: Connection): Promise<boolean> {
    const pid = (client as { processID?: number | null }).processID ?? undefined;
    if (this.known !== undefined && this.known.pid === pid && performance.now() - this.known.at < (this.options.freshMs ?? FRESH_MS)) return false;
    this.known = { facts: await readDurability(client), pid, at: performance.now() };
    const reasons = this.reasons;
    for (const reason of reasons.filter((each) => !this.told.includes(each))) this.options.warn(reason);
    this.told = reasons;
    return true;
  }

  /** Whether requests may be sent here. What cannot store at all, and a disk without room, no override makes ready. */
  get isReady(): boolean {
    return this.stops.length === 0 && (this.options.allowUnsafe || this.weak.length === 0);
  }

  /** Why not, or what the override hides; empty when all is well. */
  get reasons(): string[] {
    return [...this.stops, ...this.weak];
  }

  /** For the body of /health/ready. */
  get report(): Record<string, unknown> {
    const { facts } = this.known ?? {};
    const state = facts === undefined ? 'unknown' : this.reasons.length > 0 ? 'unsafe' : 'safe';
    const checksums = facts === undefined ? 'unknown' : facts.checksums ? 'on' : 'off';
    const disks = { database: 'unknown', ...Object.fromEntries(this.options.disks().map(({ name, freeBytes, low }) => [name, low ? 'low' : freeBytes === undefined ? 'unknown' : 'enough'])) };
    return { state, reasons: this.reasons, ...(this.options.allowUnsafe ? { allowed: 'unsafe' } : {}), checksums, disks };
  }

  private get weak(): string[] {
    return this.known === undefined ? [] : weaknesses(this.known.facts, this.options.synchronousCommit());
  }

  private get stops(): string[] {
    const full = this.options.disks().filter(({ low }) => low).map(({ name }) => `the disk of the ${name} has less room than INGOT_MIN_FREE_DISK_BYTES`);
    return [...(this.known === undefined ? [] : obstacles(this.known.facts)), ...full];
  }
}
