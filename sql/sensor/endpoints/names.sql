/* ---
path: /names
description: >
  What has been measured: each metric name with its devices, the time of the first and of the last reading, and how many
  there are. Among the devices `default` stands for readings that name none.
device_parameter: device
parameters:
  device:
    type: list
    of: text
    description: only readings of these devices; default is the device of readings that name none
--- */
select
  metric_name as name,
  jsonb_agg(device order by device) as devices,
  min(first_day::timestamp at time zone 'UTC' + first_reading[2] * interval '1 second') as first,
  max(last_day::timestamp at time zone 'UTC' + last_reading[2] * interval '1 second') as last,
  sum(readings)::bigint as count
from (
  select
    metric_name,
    device,
    sum(readings) as readings,
    min(reading_date) as first_day,
    max(reading_date) as last_day,
    min(array_prepend((reading_date - date '0001-01-01')::float8, first_reading)) as first_reading,
    max(array_prepend((reading_date - date '0001-01-01')::float8, last_reading)) as last_reading
  from silver.int_daily_metric
  where :device is null or device = any(:device)
  group by metric_name, device
) as series
group by metric_name
order by metric_name
