/** What one round of a contender gave, by the names of the workload's figures. */
export type Round = Readonly<Record<string, number>>;

export interface FigureKind {
  /** With its unit, e.g. `lines/s` or `p99 ms`. */
  readonly name: string;
  readonly better: 'higher' | 'lower';
}

/** Somebody who does the work of a workload. What it needs is running; `measure` may be called any number of times. */
export interface Contender {
  readonly name: string;
  /** What a reader must know to judge the comparison, e.g. what an acknowledgement means here. */
  readonly note?: string;
  measure(seconds: number): Promise<Round>;
}

/** What Ingot must reach against a contender, as the ratio Ingot / contender of the first figure. */
export interface Target {
  readonly against: string;
  /** For a figure that should be high: at least; for one that should be low: at most. */
  readonly ratio: number;
}

/** A workload set up and ready: Ingot first, then those it is compared with. */
export interface Prepared {
  readonly contenders: readonly Contender[];
  /** What would have been compared, and why it is not: `InfluxDB: influxd is not installed`. */
  readonly notCompared: readonly string[];
}

export interface Workload {
  readonly id: string;
  readonly title: string;
  /** The first one is what ratios are made of. */
  readonly figures: readonly [FigureKind, ...FigureKind[]];
  readonly targets: readonly Target[];
  /** Seconds of one round of one contender; `quick` halves nothing else. */
  readonly seconds: { readonly full: number; readonly quick: number };
  /** As many as leave a full run of all workloads within fifteen minutes, a quick one within two. */
  readonly rounds: { readonly full: number; readonly quick: number };
  prepare(stage: Stage): Promise<Prepared>;
}

/** Where a workload plays: a folder of its own, and a list of what is to be ended when it is over. */
export interface Stage {
  readonly folder: string;
  readonly quick: boolean;
  /** Last in, first out; called also when preparing fails half way. */
  atEnd(end: () => Promise<void> | void): void;
  say(words: string): void;
}
