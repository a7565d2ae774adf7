import type { Registry } from 'prom-client';

export interface SeriesOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

type Labels = Readonly<Record<string, string>>;

interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * A histogram for what happens ten thousand times a second: each combination of labels is looked up once, and then an
 * observation is two additions. prom-client's own checks and hashes the labels each time, also of a bound one.
 */
export class HistogramSeries {
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  private readonly series: { readonly labels: Labels; readonly counts: Float64Array; sum: number }[] = [];

  constructor(
    registry: Registry,
    private readonly options: SeriesOptions,
  ) {
    this.name = options.name;
    this.help = options.help;
    this.labelNames = options.labelNames;
    registry.registerMetric(this as never); // it asks for name, help, type and get() only
  }

  /** One series; the caller keeps what it gets. */
  with(labels: Labels): (value: number) => void {
    const { buckets } = this.options;
    const counts = new Float64Array(buckets.length + 1);
    const series = { labels, counts, sum: 0 };
    this.series.push(series);
    return (value) => {
      let at = 0;
      while (at < buckets.length && value > buckets[at]!) at++;
      counts[at]!++;
      series.sum += value;
    };
  }

  /** What prom-client asks a metric for. */
  get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    return Promise.resolve({ name, help, type, aggregator, values: this.series.flatMap((series) => this.valuesOf(series)) });
  }

  private valuesOf({ labels, counts, sum }: { labels: Labels; counts: Float64Array; sum: number }): Value[] {
    let total = 0;
    const buckets = [...counts].map((count, at): Value => ({ metricName: `${this.name}_bucket`, labels: { le: this.options.buckets[at] ?? '+Inf', ...labels }, value: (total += count) }));
    return [...buckets, { metricName: `${this.name}_sum`, labels, value: sum }, { metricName: `${this.name}_count`, labels, value: total }];
  }
}
