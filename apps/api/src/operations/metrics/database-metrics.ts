import type { Dataset } from '@ingot/datasets';
import { withConnectionFor, type ConnectionPool } from '@ingot/postgres';
import { Gauge, type Registry } from 'prom-client';
import { OTHER_HOLDERS, readDatabaseFacts, type DatabaseFacts } from './database-facts.js';

export interface DatabaseMetricsOptions {
  /** One session of its own: a scrape takes no connection from reads or runs, and is not held up by them. */
  readonly pool: ConnectionPool;
  readonly datasets: readonly Dataset[];
  /** The application names told apart in the label `holder`. */
  readonly sessions: readonly string[];
}

/** A scrape waits this long for the database; Prometheus gives up after 10 s. */
const LIMIT_MS = 1_000;
/** Scrapers that come within this time share an answer. */
const FRESH_MS = 1_000;

/** What is asked of the database at a scrape. While it cannot be asked these metrics are absent, and ingot_database_up is 0. */
export class DatabaseMetrics {
  private readonly up: Gauge;
  private readonly lag: Gauge;
  private readonly backlog: Gauge;
  private readonly watermark: Gauge;
  private readonly xminTransactions: Gauge;
  private readonly xminSeconds: Gauge;
  private readonly holders: ReadonlySet<string>;
  private asking?: Promise<void>;
  private askedAt = -Infinity;

  constructor(
    registry: Registry,
    private readonly options: DatabaseMetricsOptions,
  ) {
    const gauge = (name: string, help: string, labelNames: string[] = []): Gauge => new Gauge({ name, help, labelNames, registers: [registry] });
    this.up = gauge('ingot_database_up', `1 when the database answered this scrape within ${LIMIT_MS / 1_000} s. When it did not, all other ingot_database_ metrics, lag, backlog and watermark are absent.`);
    this.lag = gauge('ingot_source_lag_seconds', 'How long the oldest line that no run has taken has been waiting; 0 when none does.', ['source']);
    this.backlog = gauge('ingot_source_backlog_lines', 'Lines that no run has taken yet; counted to a bound.', ['source']);
    this.watermark = gauge('ingot_dataset_watermark_timestamp_seconds', 'When the watermark of a dataset last moved.', ['dataset']);
    this.xminTransactions = gauge('ingot_database_oldest_xmin_age_transactions', 'Transactions begun since the oldest that somebody may still see; dead rows younger than that cannot be removed.', ['holder']);
    this.xminSeconds = gauge('ingot_database_oldest_xmin_age_seconds', 'How long ago the transaction that may see it began; absent where the role may not see that.', ['holder']);
    this.holders = new Set([...options.sessions, ...OTHER_HOLDERS]);
  }

  /** Resolves within LIMIT_MS, with the database or without. Many scrapers share one question. */
  async refresh(): Promise<void> {
    if (performance.now() - this.askedAt < FRESH_MS) return;
    this.asking ??= this.ask().finally(() => (this.asking = undefined));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(() => resolve(this.show(undefined)), LIMIT_MS)));
    await Promise.race([this.asking, late]).finally(() => clearTimeout(timer));
  }

  private async ask(): Promise<void> {
    const { pool, datasets, sessions } = this.options;
    const facts = await withConnectionFor(pool, LIMIT_MS, (client) => readDatabaseFacts(client, datasets, sessions)).catch(() => undefined);
    this.show(facts);
    this.askedAt = performance.now();
  }

  private show(facts: DatabaseFacts | undefined): void {
    for (const gauge of [this.lag, this.backlog, this.watermark, this.xminTransactions, this.xminSeconds]) gauge.reset();
    this.up.set(facts === undefined ? 0 : 1);
    if (facts === undefined) return;
    for (const [source, { backlogLines, lagSeconds }] of facts.sources) {
      this.lag.set({ source }, lagSeconds);
      this.backlog.set({ source }, backlogLines);
    }
    for (const [dataset, at] of facts.watermarks) this.watermark.set({ dataset }, at);
    for (const holder of this.holders) for (const gauge of [this.xminTransactions, this.xminSeconds]) gauge.set({ holder }, 0);
    for (const { holder, transactions, seconds } of facts.holders) {
      this.xminTransactions.set({ holder }, transactions);
      if (seconds === null) this.xminSeconds.remove({ holder });
      else this.xminSeconds.set({ holder }, seconds);
    }
  }
}
