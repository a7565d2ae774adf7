import { Transform } from 'class-transformer';

/** Decimal digits only: Number('0x50') is 80 and Number('') is 0, which nobody who wrote that meant. */
export const WholeNumber = () => Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value));

/** `0.25`, `1`: no sign, no exponent. */
export const DecimalNumber = () => Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^\d{0,15}\.?\d{1,15}$/.test(value) ? Number(value) : value));
