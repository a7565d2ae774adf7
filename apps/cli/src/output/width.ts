import { stripVTControlCharacters } from 'node:util';

const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const WIDE = /\p{Extended_Pictographic}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** Columns a text takes on a terminal: colours none, a combining mark none of its own, CJK and emoji two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of clusters.segment(stripVTControlCharacters(text))) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}
