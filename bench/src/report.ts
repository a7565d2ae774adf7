import type { Machine } from './machine.js';
import { shown, type Measured, type WorkloadResult } from './measure.js';
import type { Spread } from './statistics.js';
import type { FigureKind, Workload } from './workload.js';

export interface Report {
  readonly command: string;
  readonly finishedAt: string;
  readonly machine: Machine;
  readonly results: readonly WorkloadResult[];
  /** Titles of those that a quick run has no time for. */
  readonly leftOut?: readonly string[];
  /** Those that broke off, with the reason. */
  readonly failed?: readonly string[];
}

/** The report for people: one Markdown table for each workload. */
export function markdown(report: Report, workloads: readonly Workload[]): string {
  const machine = Object.entries(report.machine).map(([name, value]) => `- ${name.replaceAll('_', ' ')}: ${value}`);
  const tables = report.results.map((result) => tableOf(result, workloads.find(({ id }) => id === result.id)));
  const list = (head: string, lines: readonly string[] = []): string[] => (lines.length === 0 ? [] : [head, '', ...lines.map((words) => `- ${words}`), '']);
  return [`Made by \`${report.command}\` on ${report.finishedAt.slice(0, 10)}.`, '', ...machine, '', ...list('Left out of a quick run:', report.leftOut), ...list('Broke off:', report.failed), ...tables].join('\n');
}

function tableOf(result: WorkloadResult, workload: Workload | undefined): string {
  const figures = workload?.figures ?? [];
  const head = ['', ...figures.map(({ name }) => name), 'Ingot / this', 'target'];
  const rows = result.contenders.map((contender) => [
    contender.name,
    ...figures.map(({ name }) => spreadText(contender.figures[name])),
    contender.own === true ? '' : spreadText(contender.ratio),
    targetText(contender, workload),
  ]);
  const notes = result.contenders.flatMap(({ name, note }) => (note === undefined ? [] : [`- ${name}: ${note}`]));
  const limits = limitLines(result, workload);
  const absent = result.notCompared.map((reason) => `- not compared: ${reason}`);
  const rounds = result.rounds === 1 ? 'One round' : `Median of ${result.rounds} rounds (lowest to highest)`;
  return [`## ${result.title}`, `${rounds}${result.amount === undefined ? '' : `; ${result.amount}`}.`, '', line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line), '', ...limits, ...notes, ...absent, ''].join('\n');
}

/** What a figure must be by itself. */
function limitLines(result: WorkloadResult, workload: Workload | undefined): string[] {
  return (workload?.limits ?? []).flatMap(({ contender, figure, value }) => {
    const measured = result.contenders.find(({ name }) => name === contender)?.figures[figure]?.median;
    const kind = workload?.figures.find(({ name }) => name === figure);
    if (measured === undefined || kind === undefined) return [];
    return [`- target: ${contender}, ${figure}: ${kind.better === 'higher' ? 'at least' : 'at most'} ${shown(value)}: ${meets(measured, value, kind) ? 'met' : 'not met'}`];
  });
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function spreadText(spread: Spread | undefined): string {
  if (spread === undefined || !Number.isFinite(spread.median)) return '';
  return spread.min === spread.max ? shown(spread.median) : `${shown(spread.median)} (${shown(spread.min)} to ${shown(spread.max)})`;
}

function targetText(contender: Measured, workload: Workload | undefined): string {
  const target = workload?.targets.find(({ against }) => against === contender.name);
  if (target === undefined || workload === undefined || contender.ratio === undefined) return '';
  const reached = meets(contender.ratio.median, target.ratio, workload.figures[0]);
  return `${workload.figures[0].better === 'higher' ? 'at least' : 'at most'} ${target.ratio}: ${reached ? 'met' : 'not met'}`;
}

function meets(ratio: number, target: number, { better }: FigureKind): boolean {
  return better === 'higher' ? ratio >= target : ratio <= target;
}
