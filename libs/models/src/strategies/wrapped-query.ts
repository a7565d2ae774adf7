import type { RenderedQuery } from '@ingot/datasets';
import { characters } from '../sql-error.js';

/** A model's text between other text, with what maps positions back to its file. */
export function wrapQuery(before: string, rendered: RenderedQuery, after: string): { text: string; query: { rendered: RenderedQuery; prefixLength: number } } {
  return { text: before + rendered.text + after, query: { rendered, prefixLength: characters(before) } };
}
