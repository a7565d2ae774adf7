-- The operational schema as the migrations leave it, for review. Made by `npm run schema:dump`; CI fails when it differs.

create schema bronze;
create schema gold;
create schema ingot;
create schema silver;

create sequence bronze.raw_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 cache 1;

create table bronze.flushes (
  flush_id uuid not null,
  source text not null,
  ingest_xid bigint not null default (txid_current() + 0),
  lines integer not null,
  constraint flushes_pkey PRIMARY KEY (flush_id)
);
create table ingot.cluster (
  only_row boolean not null default true,
  system_identifier bigint not null,
  xid_base bigint not null default 0,
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
  constraint datasets_pkey PRIMARY KEY (name)
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
create table ingot.run_steps (
  run bigint not null,
  "position" smallint not null,
  model text not null,
  strategy text not null,
  rows_written bigint not null,
  rows_deleted bigint not null default 0,
  duration_ms double precision not null,
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
  constraint runs_check CHECK (((run_id IS NOT NULL) = (status = 'succeeded'::text))),
  constraint runs_check1 CHECK (((error IS NOT NULL) = (status = 'failed'::text))),
  constraint runs_dataset_fkey FOREIGN KEY (dataset) REFERENCES ingot.datasets(name),
  constraint runs_pkey PRIMARY KEY (id),
  constraint runs_status_check CHECK ((status = ANY (ARRAY['succeeded'::text, 'failed'::text])))
);

CREATE INDEX flushes_by_xid ON bronze.flushes USING btree (ingest_xid);
CREATE INDEX idempotency_keys_by_time ON ingot.idempotency_keys USING btree (created_at);
CREATE INDEX runs_by_time ON ingot.runs USING btree (finished_at);
CREATE UNIQUE INDEX runs_by_dataset ON ingot.runs USING btree (dataset, run_id);

comment on table bronze.flushes is 'One row for each flush, in its own transaction: settles an unclear COMMIT. lines = -1 fences a flush nobody waits for.';
comment on table ingot.cluster is 'The cluster whose transaction ids the stored snapshots speak of; a foreign one stops the start.';
comment on table ingot.datasets is 'One watermark for a dataset: the snapshot its last run saw of its bronze tables.';
comment on column ingot.datasets.applied_code is 'What apply has made, by model: code hash, materialized, names of indexes; removed = its file is gone.';
comment on column ingot.runs.cut is 'True when the increment was bounded: more rows were waiting than one run takes.';
comment on column ingot.runs.error is 'message, sqlstate, model, file, line, column of a failed run.';
comment on column ingot.runs.run_id is 'The number in _run_id of the rows this run wrote; null when it was rolled back.';
