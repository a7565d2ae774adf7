/* ---
description: Readings per UTC day, device and metric, summed up so that a new reading costs one row, not one day.
materialized: incremental
incremental_strategy: accumulate
increment_on: silver.stg_readings
unique_key: [reading_date, device, metric_name]
on_schema_change: append_new_columns # computed for all rows, as aggregates are
accumulate: { readings: count, total: sum, lowest: min, highest: max, first_reading: min, last_reading: max }
indexes: [[device, metric_name, reading_date]] # the newest day of each device and metric, whatever the history
columns:
  - name: reading_date
    data_type: date
    description: UTC day of the readings
    data_tests: [not_null]
  - name: device
    data_type: text
    description: The device that sent them; `default` when it did not say
    data_tests: [not_null]
  - name: metric_name
    data_type: text
    description: What was measured, e.g. Voltage
    data_tests: [not_null]
  - name: readings
    data_type: bigint
    description: How many readings
    data_tests: [not_null]
  - name: total
    data_type: numeric
    description: Their sum, exact, so that neither the order of readings nor a rebuild changes it
    data_tests: [not_null]
  - name: lowest
    data_type: double precision
    description: The lowest value
    data_tests: [not_null]
  - name: highest
    data_type: double precision
    description: The highest value
    data_tests: [not_null]
  - name: first_reading
    data_type: double precision[]
    description: >
      The earliest one as [seconds of the UTC day, raw_id, value]. Arrays compare item by item, so the least of them is
      the first reading; of two of one instant that with the lower raw_id, which arrived earlier.
    data_tests: [not_null]
  - name: last_reading
    data_type: double precision[]
    description: The latest one in the same way, so that a late reading never takes the place of a newer one
    data_tests: [not_null]
--- */
select
  reading_date,
  device,
  metric_name,
  count(*) as readings,
  sum(metric_value::text::numeric) as total, -- float8::numeric would keep 15 digits only
  min(metric_value) as lowest,
  max(metric_value) as highest,
  min(arrival) as first_reading,
  max(arrival) as last_reading
from (
  select reading_date, device, metric_name, metric_value, array[date_part('epoch', (reading_time at time zone 'UTC')::time), raw_id, metric_value] as arrival
  from silver.stg_readings
  offset 0 -- makes each array once, not once for either end: 1.69 instead of 1.95 µs a reading (PostgreSQL 18, select only)
) as readings
group by reading_date, device, metric_name
