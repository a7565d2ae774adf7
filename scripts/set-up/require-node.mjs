// Old syntax on purpose: this must still be understood by the Node that it turns away.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  process.stderr.write('ingot: Node ' + process.versions.node + ' is too old: install Node 20.19 or newer (https://nodejs.org)\n');
  process.exit(1);
}
