import type { SelectStatement } from '@ingot/datasets';
import type { Node, SelectStmt } from 'libpg-query';

export interface NamedColumn {
  readonly name: string;
  /** Where it stands in the statement. */
  readonly index: number;
}

/** The result's columns in order; undefined when one has no plain name (`*`, an expression without AS). */
export function resultColumns({ tree, indexOf }: SelectStatement): NamedColumn[] | undefined {
  let select: SelectStmt = tree;
  while (select.larg !== undefined) select = select.larg; // a set operation is named by its first arm
  const columns = (select.targetList ?? []).map((target) => {
    const { name, val, location = 0 } = 'ResTarget' in target ? target.ResTarget : {};
    const plain = name ?? columnName(val);
    return plain === undefined ? undefined : { name: plain, index: indexOf(location) };
  });
  return columns.every((column) => column !== undefined) ? columns : undefined;
}

function columnName(value: Node | undefined): string | undefined {
  if (value === undefined || !('ColumnRef' in value)) return undefined;
  const last = value.ColumnRef.fields?.at(-1);
  return last !== undefined && 'String' in last ? last.String.sval : undefined;
}
