// Prints the section of CHANGELOG.md for a tag. Fails when the tag is not v<version of package.json> or there is no section.
import { readFileSync } from 'node:fs';

const [tag = ''] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const sections = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m);
const section = sections.find((text) => text.startsWith(`[${version}]`));

if (tag !== `v${version}`) fail(`the tag is ${JSON.stringify(tag)}, and package.json says ${version}`);
else if (section === undefined) fail(`CHANGELOG.md has no section "## [${version}]"`);
else process.stdout.write(`${section.slice(section.indexOf('\n')).trim()}\n`);

function fail(reason) {
  process.stderr.write(`release: ${reason}\n`);
  process.exitCode = 1;
}
