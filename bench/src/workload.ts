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
  /** Ingot in another way, not somebody else: a change of its ratio is no loss. */
  readonly own?: true;
}

/** What Ingot must reach against a contender, as the ratio Ingot / contender of the first figure. */
export interface Target {
  readonly against: string;
  /** For a figure that should be high: at least; for one that should be low: at most. */
  readonly ratio: number;
}

/** What a figure of a contender must be by itself, beside all ratios. For one that should be high: at least; else: at most. */
export interface Limit {
  readonly contender: string;
  readonly figure: string;
  readonly value: number;
}

/** A workload set up and ready: Ingot first, then those it is compared with. */
export interface Prepared {
  /** How much there is of what it works on, e.g. `1,000,000 readings`; ratios of other amounts are not compared. */
  readonly amount?: string;
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
  readonly limits?: readonly Limit[];
  /** False: what is measured takes so long that a cold start makes no difference. */
  readonly warmUp?: false;
  /** Seconds of one round of one contender. */
  readonly seconds: { readonly full: number; readonly quick: number };
  /** At most: a workload that has used up its time in the plan makes no further round. */
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
  /** What several workloads in a row need, made by the first of them; it ends with the last. */
  shared<T>(name: string, make: (stage: Stage) => Promise<T>): Promise<T>;
}
