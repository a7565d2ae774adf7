/** One line of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/gy;

/**
 * Reads the text format 0.0.4 as its definition has it, and OpenMetrics as far as the two agree.
 * @throws Error on a line that is neither, on a sample outside its family, on a series that stands twice
 */
export function parseMetrics(text: string): Map<string, Family> {
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>();
  const seen = new Set<string>();
  let current: { name: string; type: string; help: string; samples: Sample[] } | undefined;
  for (const line of text.split('\n')) {
    if (line === '' || line === '# EOF') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = '', rest = ''] = comment;
      if (kind === 'HELP') {
        if (families.has(name)) throw new Error(`${name} stands twice`);
        current = { name, type: '', help: rest, samples: [] };
        families.set(name, current);
      } else if (current?.name === name) current.type = rest;
      else throw new Error(`# TYPE without its # HELP: ${line}`);
      continue;
    }
    const match = SAMPLE.exec(line);
    if (match === null || current === undefined) throw new Error(`not a sample: ${line}`);
    const [, name = '', labelText = '', value = ''] = match;
    if (!name.startsWith(current.name)) throw new Error(`${name} stands in the family ${current.name}`);
    if (seen.has(`${name}{${labelText}}`)) throw new Error(`the series stands twice: ${line}`);
    seen.add(`${name}{${labelText}}`);
    current.samples.push({ name, labels: readLabels(labelText, line), value: readValue(value, line) });
  }
  return families;
}

/** The value of one series, given some of its labels; 0 when it is not there; the sum when there are several. */
export function valueOf(families: ReadonlyMap<string, Family>, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const samples = [...families.values()].flatMap((family) => family.samples).filter((sample) => sample.name === name);
  return samples.filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value)).reduce((sum, { value }) => sum + value, 0);
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let end = 0;
  for (const match of text.matchAll(LABEL)) {
    labels[match[1]!] = match[2]!;
    end = match.index + match[0].length;
  }
  if (end !== text.length) throw new Error(`labels that cannot be read: ${line}`);
  return labels;
}

function readValue(text: string, line: string): number {
  if (/^nan$/i.test(text)) return NaN; // the mean of nothing
  const value = text === '+Inf' ? Infinity : Number(text);
  if (Number.isNaN(value)) throw new Error(`not a number: ${line}`);
  return value;
}
