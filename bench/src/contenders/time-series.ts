import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort, installed, startProcess, untilReady } from '../process.js';
import type { Stage } from '../workload.js';

/** A time-series database that takes InfluxDB's line protocol. */
export interface TimeSeriesDatabase {
  readonly name: string;
  /** What its acknowledgement means. */
  readonly note: string;
  readonly writeUrl: string;
  /** Where /query of InfluxQL is answered; undefined where another language is spoken. */
  readonly queryUrl?: string;
}

export type Found = TimeSeriesDatabase | { readonly absent: string };

const influxConfig = (folder: string, port: number, rpc: number): string => `reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
dir = ${JSON.stringify(path.join(folder, 'meta'))}
[data]
dir = ${JSON.stringify(path.join(folder, 'data'))}
wal-dir = ${JSON.stringify(path.join(folder, 'wal'))}
wal-fsync-delay = "0s"
query-log-enabled = false
max-row-limit = 0
[http]
bind-address = "127.0.0.1:${port}"
log-enabled = false
[logging]
level = "error"
`;

/** InfluxDB 1 with the write-ahead log synced before each acknowledgement, which is its default. */
export async function startInflux(stage: Stage): Promise<Found> {
  const influxd = installed('influxd');
  if (influxd === undefined) return { absent: 'InfluxDB: influxd is not installed' };
  const folder = path.join(stage.folder, 'influxdb');
  mkdirSync(folder);
  const [port, rpc] = [await freePort(), await freePort()];
  const config = path.join(folder, 'influxdb.conf');
  writeFileSync(config, influxConfig(folder, port, rpc));
  const program = startProcess(influxd, ['-config', config], { HOME: folder });
  stage.atEnd(() => program.stop());
  const url = `http://127.0.0.1:${port}`;
  await untilReady(program, () => fetch(`${url}/ping`).then(({ ok }) => ok || undefined, () => undefined));
  await fetch(`${url}/query`, { method: 'POST', body: new URLSearchParams({ q: 'create database bench' }) });
  return { name: 'InfluxDB', note: 'its write-ahead log is synced before it answers (wal-fsync-delay 0s, the default)', writeUrl: `${url}/write?db=bench`, queryUrl: `${url}/query?db=bench` };
}

/** VictoriaMetrics: it answers from memory and flushes later. */
export async function startVictoria(stage: Stage): Promise<Found> {
  const victoria = installed('victoria-metrics') ?? installed('victoriametrics');
  if (victoria === undefined) return { absent: 'VictoriaMetrics: victoria-metrics is not installed' };
  const port = await freePort();
  const program = startProcess(victoria, [`-httpListenAddr=127.0.0.1:${port}`, `-storageDataPath=${path.join(stage.folder, 'victoria')}`, '-retentionPeriod=100y', '-loggerLevel=ERROR']);
  stage.atEnd(() => program.stop());
  const url = `http://127.0.0.1:${port}`;
  await untilReady(program, () => fetch(`${url}/health`).then(({ ok }) => ok || undefined, () => undefined));
  return { name: 'VictoriaMetrics', note: 'it acknowledges from memory; a crash loses what was acknowledged in the last seconds', writeUrl: `${url}/write` };
}
