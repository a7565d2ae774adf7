import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dataset } from '@ingot/datasets';
import { listPartitions } from '../../models/src/bronze-partitions.js';
import { closePartition } from '../../models/test/retention/closed-bronze.js';
import { liveProject } from '../../models/test/apply/live-project.js';
import { archivePartition, type Archived } from '../src/archive-partition.js';

/** A project with closed partitions in a database of its own, and a folder for archives. */
export interface ArchiveProject extends Awaited<ReturnType<typeof liveProject>> {
  readonly folder: string;
  /** Ends the partition being written to. */
  close(days?: number): Promise<string>;
  archive(name: string): Promise<Archived>;
  /** As retention does it, without waiting for it. */
  dropByHand(name: string): Promise<void>;
  end(): Promise<void>;
}

export async function archiveProject(changes: Readonly<Record<string, string | undefined>> = {}): Promise<ArchiveProject> {
  const project = await liveProject(changes);
  const folder = await mkdtemp(join(tmpdir(), 'ingot-archive-'));
  const dataset: Dataset = project.dataset;
  return {
    ...project,
    folder,
    close: (days = 0) => closePartition(project, dataset, days),
    archive: async (name) => {
      const partition = (await listPartitions(project.client, 'bronze.raw')).ranges.find((range) => range.name === name)!;
      return archivePartition(project.client, { dataset: dataset.name, relation: 'bronze.raw', partition, folder });
    },
    dropByHand: async (name) => {
      await project.db.query(`drop table bronze.${name}`);
      await project.db.query('update ingot.bronze_partitions set dropped_at = now() where name = $1', [name]);
    },
    end: async () => {
      await rm(folder, { recursive: true });
      await project.db.drop();
    },
  };
}

/** Lines of every kind: named devices, each precision, letters beyond ASCII, blanks, an empty device, a byte order mark in front. */
export const HARD_LINES = `
  insert into bronze.raw (device, "precision", line, received_at)
  select case i % 4 when 0 then null when 1 then 'pump-' || i when 2 then 'ü|' || i else '' end, case i % 3 when 0 then null when 1 then 'ms' else 'ns' end,
    case when i % 7 = 0 then chr(65279) else '' end || '2030-01-0' || 1 + i % 9 || ' V ' || i || repeat(' ', i % 3) || case when i % 5 = 0 then ' né|漢' || chr(128512) else '' end, timestamptz '2030-01-01 00:00:00.000001+00' + i * interval '1.000003 second'
  from generate_series(1, 11000) as i`;
