// The requests whose answers docs/openapi.json shows, in the order in which they are sent to an empty service: the first
// ones bring the readings that the others ask for.

const READINGS = '1649941817 Voltage 1.34\n1649941818 Voltage 1.35\n1649941817 Current 12.0\n1649941818 Current 14.0';
const DAY = 'from=2022-04-14&to=2022-04-14';

/** @type {{ route: string, name: string, summary: string, path: string, headers?: Record<string, string>, body?: string }[]} */
export const REQUESTS = [
  { route: 'POST /data', name: 'readings', summary: 'Four readings', path: '/data', body: READINGS },
  // Waiting makes each of the two posts one run, whatever the speed of the machine.
  { route: 'GET /data', name: 'after_the_post', summary: 'Waits until the lines just posted can be read', path: `/data?${DAY}&name=Power`, headers: { Prefer: 'wait=10' } },
  {
    route: 'POST /data',
    name: 'named_device',
    summary: 'A named device, milliseconds, safe to send again',
    path: '/data?precision=ms',
    headers: { 'X-Device-Id': 'pump-7', 'Idempotency-Key': 'pump-7-0001' },
    body: '1649941900250 Voltage 229.8\n1649941900250 Current 3.1',
  },
  {
    route: 'POST /data',
    name: 'rejected_lines',
    summary: 'Every rejected line is told; nothing is stored',
    path: '/data',
    body: '1649941817 Voltage 1,35\n1649941817000 Voltage 1.35\n1649941818 Current 14.0',
  },
  { route: 'POST /data', name: 'no_readings', summary: 'Nothing in it', path: '/data', body: '\n\n' },
  { route: 'POST /data', name: 'unknown_precision', summary: 'A precision that does not exist', path: '/data?precision=h', body: READINGS },
  { route: 'POST /data', name: 'json', summary: 'JSON is no text', path: '/data', headers: { 'Content-Type': 'application/json' }, body: '{}' },
  {
    route: 'POST /data',
    name: 'key_used_before',
    summary: 'A key that was used with other lines',
    path: '/data?precision=ms',
    headers: { 'X-Device-Id': 'pump-7', 'Idempotency-Key': 'pump-7-0001' },
    body: '1649941901250 Voltage 229.8',
  },

  { route: 'GET /data', name: 'a_day', summary: 'All of a day', path: `/data?${DAY}`, headers: { Prefer: 'wait=10' } },
  { route: 'GET /data', name: 'one_name_of_one_device', summary: 'One name of one device', path: `/data?${DAY}&name=Voltage&device=pump-7` },
  { route: 'GET /data', name: 'lines', summary: 'One item a line', path: `/data?${DAY}&name=Voltage&format=ndjson` },
  { route: 'GET /data', name: 'table', summary: 'A table', path: `/data?${DAY}&name=Voltage`, headers: { Accept: 'text/csv' } },
  { route: 'GET /data', name: 'wrong_parameters', summary: 'Every wrong parameter is told', path: '/data?frm=2022-04-14&to=14.4.2022' },
  { route: 'GET /data', name: 'no_such_format', summary: 'A format that is not offered', path: `/data?${DAY}`, headers: { Accept: 'image/png' } },
  { route: 'GET /series', name: 'a_day', summary: 'A day by buckets', path: `/series?${DAY}` },
  { route: 'GET /latest', name: 'all', summary: 'All devices', path: '/latest' },
  { route: 'GET /latest', name: 'one_device', summary: 'One device', path: '/latest?device=pump-7' },
  { route: 'GET /power', name: 'a_day', summary: 'One day', path: `/power?${DAY}` },
  { route: 'GET /names', name: 'all', summary: 'All names', path: '/names' },

  { route: 'GET /models', name: 'all', summary: 'All models', path: '/models' },
  { route: 'GET /models/{name}', name: 'by_its_short_name', summary: 'By its short name', path: '/models/mart_daily_power' },
  { route: 'GET /models/{name}', name: 'misspelt', summary: 'A misspelt name', path: '/models/mart_daly_power' },
  { route: 'GET /lineage', name: 'of_a_column', summary: 'What a column is made of', path: '/lineage?name=gold.mart_daily_power.metric_value' },
  { route: 'GET /runs', name: 'the_newest', summary: 'The newest run', path: '/runs?limit=1' },
  { route: 'GET /runs', name: 'wrong_parameters', summary: 'Every wrong parameter is told', path: '/runs?limit=0&state=failed' },
  { route: 'GET /runs/{id}', name: 'with_its_steps', summary: 'A run with its steps', path: '/runs/1' },
  { route: 'GET /runs/{id}', name: 'no_such_run', summary: 'A run that does not exist', path: '/runs/4711' },
  { route: 'GET /runs/compare', name: 'two_runs', summary: 'Two runs side by side', path: '/runs/compare?a=1&b=2' },
  { route: 'GET /stats', name: 'all', summary: 'All datasets', path: '/stats' },
  { route: 'GET /quarantine', name: 'nothing', summary: 'Nothing is put aside', path: '/quarantine' },
  { route: 'GET /quarantine/entries', name: 'nothing', summary: 'Nothing is put aside', path: '/quarantine/entries' },
  { route: 'GET /quarantine/entries/{id}', name: 'no_such_entry', summary: 'An entry that does not exist', path: '/quarantine/entries/4711' },
  {
    route: 'POST /quarantine/replay',
    name: 'nothing_to_replay',
    summary: 'A model that has put nothing aside',
    path: '/quarantine/replay',
    headers: { 'Content-Type': 'application/json' },
    body: '{"model":"silver.stg_readings"}',
  },
  { route: 'GET /health', name: 'healthy', summary: 'All is well', path: '/health' },
  { route: 'GET /health/live', name: 'alive', summary: 'It runs', path: '/health/live' },
  { route: 'GET /health/ready', name: 'ready', summary: 'It serves', path: '/health/ready' },
];
