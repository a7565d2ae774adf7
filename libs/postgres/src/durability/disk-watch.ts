import { statfs } from 'node:fs/promises';

export interface WatchedFolder {
  /** What it is for, e.g. `database`. */
  readonly name: string;
  readonly path: string;
}

export interface DiskWatchOptions {
  readonly folders: readonly WatchedFolder[];
  /** Fewer free bytes than this are too few; 0 = never. */
  readonly minFreeBytes: number;
  /** Told when a disk has become low, and when it has room again. */
  readonly onChange: (disk: DiskState) => void;
  readonly everyMs?: number;
}

export interface DiskState {
  readonly name: string;
  /** Of the file system, for us; undefined when it cannot be asked. */
  readonly freeBytes: number | undefined;
  readonly low: boolean;
}

/** The default limit of 256 MiB lasts that long at 130 MB/s of WAL and table together, more than bulk POSTs write on two cores. */
const EVERY_MS = 2_000;
/** A disk that was low has room again a little above the limit, so that the state does not flutter. */
const ROOM = 1.1;

/**
 * Knows how much room there is, without asking when it is asked: the file systems are looked at every two seconds. It
 * backs up PostgreSQL's own answer (53100) and does not replace it: a disk that fills up faster is met by that.
 */
export class DiskWatch {
  private states: readonly DiskState[];
  private lowOnes: ReadonlySet<string> = new Set();
  private timer?: NodeJS.Timeout;
  private looking?: Promise<void>;

  constructor(private readonly options: DiskWatchOptions) {
    this.states = options.folders.map(({ name }) => ({ name, freeBytes: undefined, low: false }));
  }

  get disks(): readonly DiskState[] {
    return this.states;
  }

  /** Costs nothing to ask; false for a disk that is not watched. */
  isLow(name: string): boolean {
    return this.lowOnes.has(name);
  }

  /** Looks once, then every two seconds. */
  async start(): Promise<void> {
    await this.look();
    this.timer = setInterval(() => void this.look(), this.options.everyMs ?? EVERY_MS);
    this.timer.unref();
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** One at a time: a network file system that hangs must not collect them. */
  look(): Promise<void> {
    return (this.looking ??= this.lookNow().finally(() => (this.looking = undefined)));
  }

  private async lookNow(): Promise<void> {
    const before = this.states;
    this.states = await Promise.all(this.options.folders.map((folder, i) => this.stateOf(folder, before[i]?.low ?? false)));
    this.lowOnes = new Set(this.states.flatMap(({ name, low }) => (low ? [name] : [])));
    for (const [i, state] of this.states.entries()) if (state.low !== before[i]?.low) this.options.onChange(state);
  }

  private async stateOf({ name, path }: WatchedFolder, wasLow: boolean): Promise<DiskState> {
    const { minFreeBytes } = this.options;
    const free = await statfs(path).then(({ bavail, bsize }) => bavail * bsize, () => undefined);
    if (free === undefined) return { name, freeBytes: undefined, low: wasLow }; // gone or unreadable: what is stored there says so itself
    return { name, freeBytes: free, low: free < minFreeBytes * (wasLow ? ROOM : 1) };
  }
}
