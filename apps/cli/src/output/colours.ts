import { styleText } from 'node:util';
import type { Io } from '../io.js';

/** What something means, not how it looks: one palette for every command. */
export type Tone = 'good' | 'warning' | 'bad' | 'quiet' | 'strong';

const PALETTE = { good: 'green', warning: 'yellow', bad: 'red', quiet: 'dim', strong: 'bold' } as const;

/** The text in the colour of what it means, or as it stands where nobody wants colours. */
export function paint(io: Pick<Io, 'colours'>, tone: Tone, text: string): string {
  // The io has decided already; styleText would ask the process's own stdout again.
  return io.colours ? styleText(PALETTE[tone], text, { validateStream: false }) : text;
}
