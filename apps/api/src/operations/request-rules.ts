import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { IsInt, Matches, Max, Min } from 'class-validator';

/** Ids and counts of the ledgers; beyond it JavaScript rounds. */
export const MOST = Number.MAX_SAFE_INTEGER;

/** Decimal digits only: Number('0x50') is 80 and Number('') is 0, which nobody who wrote that meant. */
export function WholeNumber(from: number, to = MOST): PropertyDecorator {
  const message = to === MOST ? `must be a whole number from ${from}` : `must be a whole number from ${from} to ${to}`;
  return applyDecorators(
    IsInt({ message }),
    Min(from, { message }),
    Max(to, { message }),
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value)),
  );
}

/** `silver.stg_readings`. */
export function RelationName(): PropertyDecorator {
  return Matches(/^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$/, { message: 'must be a schema and a name, as in silver.stg_readings' });
}

/** One line of text of a sensible length; PostgreSQL takes no NUL. */
export function PlainText(): PropertyDecorator {
  return Matches(/^[^\p{Cc}\p{Cs}]{1,200}$/u, { message: 'must be 1 to 200 characters without control characters' });
}
