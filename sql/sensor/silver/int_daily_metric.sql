/* ---
description: Sums and counts per UTC day, device and metric, kept additive so that a new reading costs one row, not one day.
materialized: incremental
incremental_strategy: accumulate
increment_on: silver.stg_readings
unique_key: [reading_date, device, metric_name]
accumulate: { readings: count, total: sum }
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
--- */
select
  reading_date,
  device,
  metric_name,
  count(*) as readings,
  sum(metric_value::text::numeric) as total -- float8::numeric would keep 15 digits only
from silver.stg_readings
group by reading_date, device, metric_name
