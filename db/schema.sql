-- The operational schema as the migrations leave it, for review. Made by `npm run schema:dump`; CI fails when it differs.

create schema bronze;
create schema gold;
create schema ingot;
create schema silver;

create sequence bronze.raw_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 cache 64;

create table bronze.flushes (
  flush_id uuid not null,
  source text not null,
  ingest_xid bigint not null default (txid_current() + 0),
  lines integer not null,
  bytes bigint not null default 0,
  constraint flushes_pkey PRIMARY KEY (flush_id)
);
create table ingot.api_keys (
  id bigint not null generated always as identity,
  name text not null,
  prefix text,
  digest bytea not null,
  device text,
  scopes text[] not null,
  lines_per_second integer,
  bytes_per_day bigint,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  constraint api_keys_bytes_per_day_check CHECK ((bytes_per_day >= 0)),
  constraint api_keys_device_check CHECK (((length(device) >= 1) AND (length(device) <= 128))),
  constraint api_keys_digest_check CHECK ((length(digest) = 32)),
  constraint api_keys_digest_key UNIQUE (digest),
  constraint api_keys_lines_per_second_check CHECK ((lines_per_second >= 0)),
  constraint api_keys_name_check CHECK ((name ~ '^[[:graph:]]{1,128}$'::text)),
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_scopes_check CHECK (((scopes <@ ARRAY['ingest'::text, 'read:own'::text, 'read:all'::text, 'admin'::text]) AND (cardinality(scopes) > 0)))
);
create table ingot.archive_replays (
  relation text not null,
  sha256 text not null,
  rows_done bigint not null default 0,
  rows bigint not null,
  started_at timestamp with time zone not null default now(),
  constraint archive_replays_pkey PRIMARY KEY (relation, sha256)
);
create table ingot.bronze_partitions (
  relation text not null,
  name text not null,
  lower bigint,
  upper bigint not null,
  rows bigint not null,
  received_from timestamp with time zone,
  received_to timestamp with time zone,
  closed_at timestamp with time zone not null default now(),
  checksum text,
  archive_file text,
  archive_sha256 text,
  archived_at timestamp with time zone,
  keep_until timestamp with time zone,
  dropped_at timestamp with time zone,
  constraint bronze_partitions_check CHECK ((((checksum IS NULL) = (archive_file IS NULL)) AND ((checksum IS NULL) = (archive_sha256 IS NULL)) AND ((checksum IS NULL) = (archived_at IS NULL)))),
  constraint bronze_partitions_pkey PRIMARY KEY (relation, upper)
);
create table ingot.cluster (
  only_row boolean not null default true,
  system_identifier bigint not null,
  xid_base bigint not null default 0,
  database_id uuid not null default gen_random_uuid(),
  constraint cluster_only_row_check CHECK (only_row),
  constraint cluster_pkey PRIMARY KEY (only_row)
);
create table ingot.datasets (
  name text not null,
  run_id bigint not null default 0,
  snapshot_xmax bigint not null default 0,
  snapshot_xip bigint[] not null default '{}'::bigint[],
  code_hash text,
  applied_code jsonb,
  applied_at timestamp with time zone,
  updated_at timestamp with time zone not null default now(),
  publication bigint not null default 0,
  constraint datasets_pkey PRIMARY KEY (name)
);
create table ingot.device_names (
  device text not null,
  name text not null,
  first_seen timestamp with time zone not null default now(),
  constraint device_names_pkey PRIMARY KEY (device, name)
);
create table ingot.devices (
  device text not null,
  first_seen timestamp with time zone not null default now(),
  constraint devices_pkey PRIMARY KEY (device)
);
create table ingot.idempotency_keys (
  device text not null,
  key text not null,
  body_hash bytea not null,
  flush_id uuid not null,
  status smallint not null,
  created_at timestamp with time zone not null default now(),
  constraint idempotency_keys_pkey PRIMARY KEY (device, key)
);
create table ingot.partition_floors (
  dataset text not null,
  relation text not null,
  below date not null,
  dropped_at timestamp with time zone not null default now(),
  constraint partition_floors_dataset_fkey FOREIGN KEY (dataset) REFERENCES ingot.datasets(name) ON DELETE CASCADE,
  constraint partition_floors_pkey PRIMARY KEY (dataset, relation)
);
create table ingot.plans (
  dataset text not null,
  identity text not null,
  host text not null,
  pid integer not null,
  started_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  chunk bigint not null default 0,
  constraint plans_dataset_fkey FOREIGN KEY (dataset) REFERENCES ingot.datasets(name) ON DELETE CASCADE,
  constraint plans_pkey PRIMARY KEY (dataset)
);
create table ingot.quarantine (
  id bigint not null generated always as identity,
  dataset text not null,
  model text not null,
  input text not null,
  input_row jsonb not null,
  input_id bigint,
  input_xid bigint,
  reasons text[] not null default '{}'::text[],
  sqlstate text,
  message text,
  run_id bigint not null,
  code_hash text not null,
  first_at timestamp with time zone not null default now(),
  at timestamp with time zone not null default now(),
  attempts integer not null default 1,
  replay boolean not null default false,
  constraint quarantine_check CHECK (((reasons <> '{}'::text[]) OR (sqlstate IS NOT NULL))),
  constraint quarantine_pkey PRIMARY KEY (id)
);
create table ingot.quota_days (
  day date not null,
  subject text not null,
  bytes bigint not null,
  constraint quota_days_pkey PRIMARY KEY (day, subject)
);
create table ingot.run_steps (
  run bigint not null,
  "position" smallint not null,
  model text not null,
  strategy text not null,
  rows_written bigint not null,
  rows_deleted bigint not null default 0,
  duration_ms double precision not null,
  rows_in bigint,
  rows_out bigint,
  quarantined bigint,
  filtered bigint,
  replayed bigint,
  constraint run_steps_check CHECK ((rows_in = ((rows_out + quarantined) + filtered))),
  constraint run_steps_pkey PRIMARY KEY (run, "position"),
  constraint run_steps_run_fkey FOREIGN KEY (run) REFERENCES ingot.runs(id) ON DELETE CASCADE
);
create table ingot.runs (
  id bigint not null generated always as identity,
  dataset text not null,
  run_id bigint,
  status text not null,
  attempts integer not null default 1,
  started_at timestamp with time zone not null,
  finished_at timestamp with time zone not null,
  rows_in bigint not null default 0,
  cut boolean not null default false,
  xid bigint,
  code_hash text,
  error jsonb,
  duration_ms double precision,
  snapshot_xmax bigint,
  snapshot_xip bigint[],
  runs integer not null default 1,
  first_run_id bigint,
  fingerprint text,
  kind text not null default 'run'::text,
  constraint runs_check CHECK (((run_id IS NOT NULL) = (status = 'succeeded'::text))),
  constraint runs_check1 CHECK (((error IS NOT NULL) = (status = 'failed'::text))),
  constraint runs_dataset_fkey FOREIGN KEY (dataset) REFERENCES ingot.datasets(name),
  constraint runs_kind CHECK ((kind = ANY (ARRAY['run'::text, 'publication'::text]))),
  constraint runs_pkey PRIMARY KEY (id),
  constraint runs_status_check CHECK ((status = ANY (ARRAY['succeeded'::text, 'failed'::text])))
);
create table ingot.secrets (
  name text not null,
  secret bytea not null,
  created_at timestamp with time zone not null default now(),
  constraint secrets_pkey PRIMARY KEY (name)
);
create table ingot.seeds (
  dataset text not null,
  relation text not null,
  code_hash text not null,
  applied_at timestamp with time zone not null default now(),
  constraint seeds_dataset_fkey FOREIGN KEY (dataset) REFERENCES ingot.datasets(name) ON DELETE CASCADE,
  constraint seeds_pkey PRIMARY KEY (dataset, relation)
);
create table ingot.shadow_quarantine (
  id bigint not null generated always as identity,
  dataset text not null,
  model text not null,
  input text not null,
  input_row jsonb not null,
  input_id bigint,
  input_xid bigint,
  reasons text[] not null default '{}'::text[],
  sqlstate text,
  message text,
  run_id bigint not null,
  code_hash text not null,
  first_at timestamp with time zone not null default now(),
  at timestamp with time zone not null default now(),
  attempts integer not null default 1,
  replay boolean not null default false,
  constraint quarantine_check CHECK (((reasons <> '{}'::text[]) OR (sqlstate IS NOT NULL))),
  constraint shadow_quarantine_pkey PRIMARY KEY (id)
);
create table ingot.shadows (
  dataset text not null,
  relation text not null,
  mark_xmax bigint not null default 0,
  mark_xip bigint[] not null default '{}'::bigint[],
  mark_run_id bigint not null default '-9223372036854775808'::bigint,
  rows_read bigint not null default 0,
  rows_written bigint not null default 0,
  rows_out bigint not null default 0,
  quarantined bigint not null default 0,
  filtered bigint not null default 0,
  duration_ms double precision not null default 0,
  constraint shadows_dataset_fkey FOREIGN KEY (dataset) REFERENCES ingot.plans(dataset) ON DELETE CASCADE,
  constraint shadows_pkey PRIMARY KEY (dataset, relation)
);
create table ingot.source_counts (
  source text not null,
  lines bigint not null default 0,
  bytes bigint not null default 0,
  mark_xmax bigint not null default 0,
  mark_xip bigint[] not null default '{}'::bigint[],
  since timestamp with time zone,
  constraint source_counts_pkey PRIMARY KEY (source)
);
create table ingot.table_refreshes (
  dataset text not null,
  relation text not null,
  computed_at timestamp with time zone not null,
  run_id bigint not null,
  code_hash text not null,
  constraint table_refreshes_dataset_fkey FOREIGN KEY (dataset) REFERENCES ingot.datasets(name) ON DELETE CASCADE,
  constraint table_refreshes_pkey PRIMARY KEY (dataset, relation)
);
create table ingot.test_results (
  run bigint not null,
  test text not null,
  relation text,
  scope text not null,
  outcome text not null,
  failures bigint not null,
  samples jsonb not null default '[]'::jsonb,
  duration_ms double precision not null,
  constraint test_results_outcome_check CHECK ((outcome = ANY (ARRAY['passed'::text, 'warned'::text]))),
  constraint test_results_pkey PRIMARY KEY (run, test),
  constraint test_results_run_fkey FOREIGN KEY (run) REFERENCES ingot.runs(id) ON DELETE CASCADE,
  constraint test_results_scope_check CHECK ((scope = ANY (ARRAY['rows of the run'::text, 'whole table'::text])))
);

CREATE INDEX flushes_by_xid ON bronze.flushes USING btree (ingest_xid);
CREATE INDEX idempotency_keys_by_time ON ingot.idempotency_keys USING btree (created_at);
CREATE INDEX quarantine_by_model ON ingot.quarantine USING btree (dataset, model);
CREATE INDEX quarantine_to_replay ON ingot.quarantine USING btree (dataset) WHERE replay;
CREATE INDEX runs_by_time ON ingot.runs USING btree (finished_at);
CREATE INDEX runs_failing ON ingot.runs USING btree (dataset, fingerprint) WHERE (status = 'failed'::text);
CREATE INDEX shadow_quarantine_dataset_idx ON ingot.shadow_quarantine USING btree (dataset) WHERE replay;
CREATE INDEX shadow_quarantine_dataset_model_idx ON ingot.shadow_quarantine USING btree (dataset, model);
CREATE UNIQUE INDEX runs_by_dataset ON ingot.runs USING btree (dataset, run_id);

comment on table bronze.flushes is 'One row for each flush, in its own transaction: settles an unclear COMMIT. lines = -1 fences a flush nobody waits for.';
comment on column bronze.flushes.bytes is 'Of the text of its lines, without line ends.';
comment on table ingot.api_keys is 'Keys of the service. A key itself is shown once, when it is made, and is nowhere in the database.';
comment on column ingot.api_keys.device is 'The one device the key acts as; null = any that a request names.';
comment on column ingot.api_keys.digest is 'SHA-256 of the key.';
comment on column ingot.api_keys.last_used_at is 'To the minute.';
comment on column ingot.api_keys.lines_per_second is '0 = no limit; null = as the service is set up. Likewise bytes_per_day.';
comment on column ingot.api_keys.prefix is 'The first characters of the key, to tell it from others; null where only the SHA-256 was given.';
comment on table ingot.archive_replays is 'Archives whose lines were taken in as new lines, and how many of them so far.';
comment on table ingot.bronze_partitions is 'Closed partitions of bronze tables, to which no row comes any more: counted once, archived, dropped, restored.';
comment on column ingot.bronze_partitions.checksum is 'Of the rows, as found in the table and in the archive alike.';
comment on column ingot.bronze_partitions.keep_until is 'Restored from its archive, and to stay until then.';
comment on column ingot.bronze_partitions.lower is 'With upper the range of ingest_xid; null = the first partition.';
comment on table ingot.cluster is 'The cluster whose transaction ids the stored snapshots speak of; a foreign one stops the start.';
comment on column ingot.cluster.database_id is 'Which database this is, wherever its dumps go: an archive says whose it is.';
comment on table ingot.datasets is 'One watermark for a dataset: the snapshot its last run saw of its bronze tables.';
comment on column ingot.datasets.applied_code is 'What apply has made, by model: code hash, materialized, names of indexes; removed = its file is gone.';
comment on column ingot.datasets.publication is 'Counts what apply and rebuild have made of the published relations: another number, and rows may have changed under any run id.';
comment on table ingot.device_names is 'What each device has measured since this is counted; a deleted row makes room for another';
comment on table ingot.devices is 'Devices that have sent lines since this is counted; a deleted row makes room for another';
comment on table ingot.partition_floors is 'Of tables with months: what lies before this day was dropped by retention, and late rows of it are put aside.';
comment on table ingot.plans is 'The plan under way for a dataset, or one that was cut off and goes on with the next apply; published = its row is gone.';
comment on column ingot.plans.chunk is 'The last chunk that was committed; rows of a shadow carry _run_id = chunk - 2^62.';
comment on column ingot.plans.host is 'Where the process is or was that works on it; pid is its process id there.';
comment on column ingot.plans.identity is 'Hash of what is built and of what it was built over; another one starts anew.';
comment on table ingot.quarantine is 'Input rows a model could not take: each stays until a replay takes it in, or a rebuild does without it.';
comment on column ingot.quarantine.code_hash is 'The model''s code at that time.';
comment on column ingot.quarantine.input_id is 'Where input is a bronze table: id of the line; input_xid its ingest_xid.';
comment on column ingot.quarantine.input_row is 'The row of the relation named by input, all its columns.';
comment on column ingot.quarantine.reasons is 'Names of the data tests it failed, all of them; empty when the SQL itself failed, with sqlstate and message.';
comment on column ingot.quarantine.replay is 'True: the next run takes it in again as a new row.';
comment on column ingot.quarantine.run_id is 'The run that put it here, or the last that tried it again.';
comment on table ingot.quota_days is 'Decoded bytes that a key, a subject of an identity provider or an address has sent in a UTC day; the sum over all processes';
comment on column ingot.run_steps.filtered is 'Input rows the SELECT gives nothing for.';
comment on column ingot.run_steps.rows_in is 'Of row-wise steps: input rows, replayed ones among them.';
comment on column ingot.run_steps.rows_out is 'Input rows whose output was written.';
comment on column ingot.runs.cut is 'True when the increment was bounded: more rows were waiting than one run takes.';
comment on column ingot.runs.duration_ms is 'Of the run, of the last attempt of one that failed, of all runs together where the record stands for several; of a publication with all chunks of its rebuild.';
comment on column ingot.runs.error is 'message, sqlstate, model, file, line, column of a failed run.';
comment on column ingot.runs.fingerprint is 'Of a failure: the same again is the same record.';
comment on column ingot.runs.first_run_id is 'Where the record stands for several runs: the first of their numbers; run_id is the last.';
comment on column ingot.runs.kind is 'run = it took new rows; publication = tables computed anew took the place of those of before, and no new row was taken.';
comment on column ingot.runs.run_id is 'The number in _run_id of the rows this run wrote; null when it was rolled back.';
comment on column ingot.runs.runs is 'How many runs this record stands for: uneventful ones are merged after an hour.';
comment on column ingot.runs.snapshot_xmax is 'With snapshot_xip the watermark this run left, on the scale of ingest_xid.';
comment on column ingot.runs.started_at is 'Of a publication: when its rebuild began.';
comment on table ingot.secrets is 'Made once, shared by all processes. A secret that is deleted is made anew at the next start; what was signed with it is refused.';
comment on table ingot.seeds is 'The tables made of CSV files, with the hash of what was last loaded.';
comment on table ingot.shadow_quarantine is 'What the chunks of a rebuild have put aside: it replaces the model''s open entries when the shadow is published.';
comment on column ingot.shadow_quarantine.code_hash is 'The model''s code at that time.';
comment on column ingot.shadow_quarantine.input_id is 'Where input is a bronze table: id of the line; input_xid its ingest_xid.';
comment on column ingot.shadow_quarantine.input_row is 'The row of the relation named by input, all its columns.';
comment on column ingot.shadow_quarantine.reasons is 'Names of the data tests it failed, all of them; empty when the SQL itself failed, with sqlstate and message.';
comment on column ingot.shadow_quarantine.replay is 'True: the next run takes it in again as a new row.';
comment on column ingot.shadow_quarantine.run_id is 'The run that put it here, or the last that tried it again.';
comment on table ingot.shadows is 'What each shadow table holds of its input. Never more than the dataset''s own watermark.';
comment on column ingot.shadows.mark_run_id is 'The highest _run_id it has taken of an input that is a model.';
comment on column ingot.shadows.mark_xmax is 'With mark_xip the snapshot it has seen of a bronze table, on the scale of ingest_xid.';
comment on column ingot.shadows.rows_written is 'By all its chunks together, as rows_out, quarantined, filtered and duration_ms: what the publication records of its step.';
comment on table ingot.source_counts is 'Lines stored by way of each source, summed up from the flush ledger before its rows are removed.';
comment on column ingot.source_counts.mark_xmax is 'With mark_xip the snapshot of the flush ledger that is in the sums, on the scale of ingest_xid.';
comment on column ingot.source_counts.since is 'Lines of before may be missing from lines, and all of them are from bytes; null = everything was counted.';
comment on table ingot.table_refreshes is 'When each model that is materialized as a table was last computed.';
comment on column ingot.table_refreshes.code_hash is 'Of the whole dataset, seeds among it.';
comment on column ingot.table_refreshes.run_id is 'The last run as of which it is right: that computed it, or found all it reads unchanged.';
comment on table ingot.test_results is 'Data tests that a run carried out by query; those kept by constraints and indexes cost nothing of their own. What a failing test found is in ingot.runs.error.';
comment on column ingot.test_results.failures is 'Rows that must not exist; of unique: keys that occur more than once.';
comment on column ingot.test_results.relation is 'The model; null for a SELECT of tests/.';
comment on column ingot.test_results.samples is 'Up to 20 of them, values cut at 1,000 characters.';

grant insert, select (flush_id, lines), update (lines, bytes) on bronze.flushes to ingot_ingest;
grant insert, select on ingot.device_names to ingot_ingest;
grant insert, select on ingot.devices to ingot_ingest;
grant insert, select (device, key, body_hash) on ingot.idempotency_keys to ingot_ingest;
grant delete, insert, select, update on ingot.quota_days to ingot_ingest;
grant usage on schema bronze to ingot_ingest;
grant usage on schema ingot to ingot_ingest;
grant usage on sequence bronze.raw_id to ingot_ingest;
grant select on ingot.cluster to ingot_read;
grant select on ingot.datasets to ingot_read;
grant select on ingot.quarantine to ingot_read;
grant select on ingot.run_steps to ingot_read;
grant select on ingot.runs to ingot_read;
grant select on ingot.source_counts to ingot_read;
grant select on ingot.table_refreshes to ingot_read;
grant select on ingot.test_results to ingot_read;
grant usage on schema bronze to ingot_read;
grant usage on schema gold to ingot_read;
grant usage on schema ingot to ingot_read;
grant usage on schema silver to ingot_read;
grant select on bronze.flushes to ingot_run;
grant select on ingot.cluster to ingot_run;
grant select, update on ingot.datasets to ingot_run;
grant select on ingot.partition_floors to ingot_run;
grant select on ingot.plans to ingot_run;
grant delete, insert, select, update on ingot.quarantine to ingot_run;
grant insert, select on ingot.run_steps to ingot_run;
grant insert, select, update on ingot.runs to ingot_run;
grant select on ingot.seeds to ingot_run;
grant select on ingot.shadows to ingot_run;
grant select on ingot.source_counts to ingot_run;
grant insert, select, update on ingot.table_refreshes to ingot_run;
grant insert, select on ingot.test_results to ingot_run;
grant usage on schema bronze to ingot_run;
grant usage on schema ingot to ingot_run;
