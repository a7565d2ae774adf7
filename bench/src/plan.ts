import type { Workload } from './workload.js';
import { dashboards } from './workloads/dashboards.js';
import { postBulk } from './workloads/post-bulk.js';
import { postSmall } from './workloads/post-small.js';
import { read } from './workloads/read.js';
import { rebuild } from './workloads/rebuild.js';
import { run } from './workloads/run.js';
import { startUp } from './workloads/start-up.js';
import { storage } from './workloads/storage.js';
import { sustained } from './workloads/sustained.js';

/** What a workload may take in all, setting up included, in seconds. */
export interface Planned {
  readonly workload: Workload;
  readonly full: number;
  /** Absent: left out of a quick run. */
  readonly quick?: number;
}

/** Workloads of one group follow each other and share what is set up. Times on two cores. */
export const PLAN: readonly (readonly Planned[])[] = [
  [{ workload: postSmall, full: 90, quick: 28 }],
  [{ workload: postBulk, full: 115, quick: 34 }],
  [{ workload: sustained, full: 135 }],
  [
    { workload: storage, full: 20, quick: 6 },
    { workload: read, full: 85, quick: 18 },
    { workload: dashboards, full: 55 },
  ],
  [{ workload: startUp, full: 18, quick: 10 }],
  [
    { workload: run, full: 265, quick: 20 },
    { workload: rebuild, full: 90 },
  ],
];

/** The time of the whole, in seconds: what the users of the command are told. */
export const LIMITS = { full: 15 * 60, quick: 2 * 60 } as const;
