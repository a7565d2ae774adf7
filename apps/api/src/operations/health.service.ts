import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { withConnectionFor, type ConnectionPool } from '@ingot/postgres';
import { DurabilityState, type DurabilityOptions } from './durability-state.js';

export const HEALTH_OPTIONS = Symbol('HEALTH_OPTIONS');

export interface HealthOptions {
  version: string;
  pool: ConnectionPool;
  lifecycle: { readonly serving: boolean; readonly state: string };
  /** What each dataset's runner says of itself, for the details of /health/ready. */
  datasets: () => Record<string, unknown>;
  /** By bronze table: what waits to be stored, likewise. */
  ingest: () => Record<string, unknown>;
  durability: DurabilityOptions;
}

/** A JSON body and whether it is a 200 or a 503. */
export interface Health {
  healthy: boolean;
  body: Record<string, unknown>;
}

const PROBE_TIMEOUT_MS = 1_500;
/** So that a server made unsafe while nobody asks is warned of too. */
const LOOK_MS = 10_000;

@Injectable()
export class HealthService implements OnModuleInit, OnApplicationShutdown {
  private readonly startedAt = Date.now();
  private readonly durability: DurabilityState;
  private probe?: Promise<boolean>;
  private connected = false;
  private timer?: NodeJS.Timeout;

  constructor(@Inject(HEALTH_OPTIONS) private readonly options: HealthOptions) {
    this.durability = new DurabilityState(options.durability);
  }

  onModuleInit(): void {
    this.timer = setInterval(() => void this.databaseAnswers(), LOOK_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  async overall(): Promise<Health> {
    const connected = await this.databaseAnswers();
    return {
      healthy: connected,
      body: {
        status: connected ? 'healthy' : 'unhealthy',
        database: connected ? 'connected' : 'disconnected',
        version: this.options.version,
        warnings: this.durability.reasons,
        uptime_seconds: Math.floor((Date.now() - this.startedAt) / 1000),
      },
    };
  }

  async ready(): Promise<Health> {
    const { lifecycle, datasets, ingest } = this.options;
    const connected = await this.databaseAnswers();
    const ready = this.wasReady;
    return {
      healthy: ready,
      body: {
        status: ready ? 'ready' : 'not ready',
        process: lifecycle.state,
        database: connected ? 'connected' : 'disconnected',
        durability: this.durability.report,
        ingest: ingest(),
        datasets: datasets(),
      },
    };
  }

  /** As of the last question, which is at most 10 s ago. */
  get wasReady(): boolean {
    return this.options.lifecycle.serving && this.connected && this.durability.isReady;
  }

  /** Many callers share one question: a hung server must not collect them. */
  private databaseAnswers(): Promise<boolean> {
    this.probe ??= this.ask().finally(() => (this.probe = undefined));
    return this.probe;
  }

  /** Limited twice: waiting for a connection counts too, and a silent connection must not stay lent. */
  private async ask(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), PROBE_TIMEOUT_MS);
    });
    const answer = withConnectionFor(this.options.pool, PROBE_TIMEOUT_MS, async (client) => (await this.durability.refresh(client)) || client.query('select 1')).then(
      () => true,
      () => false,
    );
    try {
      return (this.connected = await Promise.race([answer, timeout]));
    } finally {
      clearTimeout(timer);
    }
  }
}
