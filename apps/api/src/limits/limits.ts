import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '@ingot/config';
import type { ConnectionPool } from '@ingot/postgres';
import type { Admission, AdmissibleLines, Admitted } from '../admission.js';
import type { Logger } from '../logger.js';
import { principalOf } from '../principal.js';
import type { ClosingList } from '../shutdown.js';
import { DayLedger } from './day-ledger.js';
import { NameGuard } from './name-guard.js';
import { NameLedger } from './name-ledger.js';
import type { QuotaUsage } from './quota-usage.js';
import { Quotas } from './quotas.js';

/** How much a crash can leave uncounted, and how old the knowledge of other processes may be. */
const SAVE_MS = 2_000;
/** Of the time a POST may take. */
const PATIENCE_SHARE = 0.1;

export interface LimitsOptions {
  readonly config: Config;
  /** One session is enough: everything is asked and written behind the requests. */
  readonly pool: ConnectionPool;
  readonly logger: Logger;
}

/** Counting goes on where earlier processes have stopped; closing writes the rest, when no request is under way any more. */
export async function openLimits(options: LimitsOptions, open: ClosingList): Promise<Admission> {
  const limits = new Limits(options);
  open.add('limits', () => limits.close());
  await limits.load();
  return limits;
}

/** Quotas, names and devices of one process. */
class Limits implements Admission {
  private readonly quotas: Quotas;
  private readonly names: NameGuard | undefined;
  private readonly timer: NodeJS.Timeout;
  private saving: Promise<void> = Promise.resolve();
  private failing = false;

  constructor(private readonly options: LimitsOptions) {
    const { config, pool } = options;
    this.quotas = new Quotas({
      quota: { linesPerSecond: config.INGOT_LINES_PER_SECOND, bytesPerDay: config.INGOT_BYTES_PER_DAY },
      burstSeconds: config.INGOT_QUOTA_BURST_SECONDS,
      ledger: new DayLedger(pool),
    });
    const { INGOT_MAX_NAMES_PER_DEVICE: namesPerDevice, INGOT_MAX_DEVICES: devices } = config;
    this.names = namesPerDevice === 0 && devices === 0 ? undefined : new NameGuard({ ledger: new NameLedger(pool), namesPerDevice, devices, patienceMs: config.INGOT_INGEST_DEADLINE_MS * PATIENCE_SHARE });
    this.timer = setInterval(() => void this.save(), SAVE_MS).unref();
  }

  /** Reads what was counted before this process. */
  async load(): Promise<void> {
    await this.quotas.load();
    await this.names?.save();
  }

  /** Writes the rest. Called when no request is under way any more. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.save();
  }

  refuse(request: FastifyRequest): Error | undefined {
    return this.quotas.of(request)?.refuse(Number(request.headers['content-length']) || 0);
  }

  admit(request: FastifyRequest, reply: FastifyReply, relation: string, lines: AdmissibleLines): Admitted | undefined | Promise<Admitted | undefined> {
    const usage = this.quotas.of(request);
    if (usage === undefined) return this.admitNames(request, relation, lines);
    const refused = usage.refuse(lines.body.length);
    if (refused !== undefined) throw refused;
    usage.take(lines.lines, lines.body.length);
    void reply.headers(usage.headers());
    return this.underQuota(usage, lines, () => this.admitNames(request, relation, lines));
  }

  private admitNames(request: FastifyRequest, relation: string, lines: AdmissibleLines): Admitted | undefined | Promise<Admitted | undefined> {
    return this.names?.admit(relation, lines, principalOf(request).device !== undefined);
  }

  /** The quota is given back where nothing is stored now: our own trouble is not the client's, and a repeat is no second batch. */
  private async underQuota(usage: QuotaUsage, { lines, body }: AdmissibleLines, admitNames: () => ReturnType<Admission['admit']>): Promise<Admitted> {
    try {
      const names = await admitNames();
      return {
        stored: (replayed) => {
          if (replayed) usage.giveBack(lines, body.length);
          names?.stored(replayed);
        },
        lost: () => {
          usage.giveBack(lines, body.length);
          names?.lost();
        },
      };
    } catch (error) {
      usage.giveBack(lines, body.length);
      throw error;
    }
  }

  /** One at a time. Without the database nothing is lost: it is written when there is one again. */
  private save(): Promise<void> {
    this.saving = this.saving.then(async () => {
      try {
        await this.quotas.save();
        await this.names?.save();
        this.failing = false;
      } catch (err) {
        if (!this.failing) this.options.logger.warn({ err }, 'limits: what was counted could not be written; it is tried again');
        this.failing = true;
      }
    });
    return this.saving;
  }
}
