import type { PartitionBy } from '../dataset.js';
import { identifierFault } from '../identifier.js';
import type { Problems } from '../problem.js';
import type { Located, Section } from '../section.js';

/** `partition_by: reading_date`, or with dbt's words `{ field: reading_date, granularity: month }`. */
export function readPartitionBy(section: Section, problems: Problems): Located<PartitionBy> | undefined {
  if (!section.has('partition_by')) return undefined;
  const settings = section.isMapping('partition_by') ? section.section('partition_by') : undefined;
  const field = settings === undefined ? section.text('partition_by') : settings.requiredText('field', 'the column whose months are kept apart');
  settings?.choice('granularity', ['month'] as const, ['hour', 'day', 'year']);
  settings?.finish([], { data_type: 'the type of the column is that of the SELECT', range: 'partitions are months of a date or an instant' });
  if (field === undefined) return undefined;
  const fault = identifierFault(field.value);
  if (fault !== undefined) problems.add(field.place, `the column name ${field.value} ${fault}`);
  return fault === undefined ? { value: { column: field.value, granularity: 'month' }, place: field.place } : undefined;
}
