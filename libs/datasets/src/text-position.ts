import type { Place } from './dataset.js';

// Three ways to count a text meet here: JavaScript's UTF-16 units (an "index"), Postgres's characters (code points,
// in error positions), and the parser's UTF-8 bytes (in the parse tree).

/** The line and column, both from 1, columns in characters, of an index into the text of a file. */
export function placeAt(file: string, fileText: string, index: number): Place {
  const before = fileText.slice(0, Math.max(0, index));
  const lineStart = before.lastIndexOf('\n') + 1;
  return { file, line: before.split('\n').length, column: countCharacters(before.slice(lineStart)) + 1 };
}

/** The index of the character that stands after `characters` others; the text's length when there are fewer. */
export function indexOfCharacter(text: string, characters: number): number {
  let index = 0;
  for (let seen = 0; seen < characters && index < text.length; seen++) index += text.codePointAt(index)! > 0xffff ? 2 : 1;
  return index;
}

export function countCharacters(text: string): number {
  let characters = 0;
  for (let index = 0; index < text.length; characters++) index += text.codePointAt(index)! > 0xffff ? 2 : 1;
  return characters;
}

/** Turns offsets in the UTF-8 form of a text into indexes. */
export function byteOffsets(text: string): (byte: number) => number {
  if (Buffer.byteLength(text) === text.length) return (byte) => byte;
  const indexes: number[] = [];
  let index = 0;
  for (const character of text) {
    for (let byte = Buffer.byteLength(character); byte > 0; byte--) indexes.push(index);
    index += character.length;
  }
  return (byte) => indexes[byte] ?? text.length;
}
