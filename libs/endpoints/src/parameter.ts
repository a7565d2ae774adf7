export type ParameterType = 'timestamp' | 'date' | 'text';

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly required: boolean;
  readonly default?: string;
  readonly description: string;
  /** A date given for this timestamp means that whole day: its last microsecond. */
  readonly endOfDay: boolean;
  /** The parameter this one must not come before: the two are the inclusive ends of a range. */
  readonly notBefore?: string;
}

/** PostgreSQL's names of the parameter types. */
export const SQL_TYPES: Record<ParameterType, string> = { timestamp: 'timestamptz', date: 'date', text: 'text' };
