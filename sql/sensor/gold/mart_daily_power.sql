/* ---
description: Power per UTC day and device, mean voltage times mean current, not rounded. A day that lacks either has no row.
materialized: incremental
incremental_strategy: delete+insert
increment_on: silver.int_daily_metric
touch_key: [reading_date, device]
unique_key: [reading_date, device, metric_name]
columns:
  - name: reading_date
    data_type: date
    description: UTC day
    data_tests: [not_null]
  - name: device
    data_type: text
    description: The device whose voltage and current these are
    data_tests: [not_null]
  - name: metric_name
    data_type: text
    description: Always Power
    data_tests: [not_null]
  - name: metric_value
    data_type: numeric
    description: Mean voltage times mean current of the day
    data_tests: [not_null]
--- */
select
  voltage.reading_date,
  voltage.device,
  'Power' as metric_name,
  -- one division of exact products: a mean of 1/3 times 3 is 1, not 0.999...
  trim_scale(voltage.total * current.total / (voltage.readings * current.readings)) as metric_value
from silver.int_daily_metric as voltage
join silver.int_daily_metric as current using (reading_date, device)
where voltage.metric_name = 'Voltage' and current.metric_name = 'Current'
