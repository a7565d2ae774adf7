import type { Applied } from '@ingot/models';
import type { Io } from '../io.js';
import { formatCounted } from './quantities.js';
import { formatRows, formatStep } from './step-line.js';

/** One line for each model that was worked on, and one for the seeds. */
export function formatApplied(io: Io, { steps, seeds }: Applied): string {
  const lines = steps.map(({ model, strategy, rowsWritten, durationMs, ledger }, i) => {
    const quarantined = ledger?.quarantined ?? 0;
    const rows = strategy === 'rebuild' ? { detail: formatRows(rowsWritten, durationMs) + (quarantined === 0 ? '' : `, ${formatCounted(quarantined, 'row')} quarantined`) } : {};
    return formatStep(io, i + 1, steps.length, { verdict: quarantined > 0 ? 'WARN' : 'OK', subject: `${strategy} ${model}`, ...rows });
  });
  return lines.join('') + (seeds.length === 0 ? '' : `seeds loaded: ${seeds.join(', ')}\n`);
}

/** Named as in `ingot run --json`; undefined: there was nothing to do. */
export function plainApplied(dataset: string, applied: Applied | undefined) {
  const models = (applied?.steps ?? []).map(({ model, strategy, rowsWritten, durationMs, ledger }) => {
    const { in: read = null, out = null, quarantined = null, filtered = null } = ledger ?? {};
    return { model, action: strategy, rows_written: rowsWritten, duration_ms: durationMs, rows_in: read, rows_out: out, quarantined, filtered };
  });
  return { dataset, nothing_to_do: applied === undefined, models, seeds: applied?.seeds ?? [] };
}
