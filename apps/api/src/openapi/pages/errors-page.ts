import { readFile } from 'node:fs/promises';
import { shippedFile } from '../../shipped-file.js';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
pre{background:#f4f4f4;padding:1rem;overflow:auto}code{font-size:.9em}
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}
h2{margin-top:2.5rem}h2:target{background:#fff3bf}`;

/** docs/errors.md as a page whose sections can be linked to: the `type` of every problem points into it. */
export async function errorsPage(): Promise<string> {
  const [{ Marked }, markdown] = await Promise.all([import('marked'), readFile(shippedFile('docs/errors.md'), 'utf8')]);
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        return `<h${depth}${depth === 2 ? ` id="${text}"` : ''}>${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
    },
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ingot: errors</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
${await marked.parse(markdown)}</body>
</html>
`;
}
