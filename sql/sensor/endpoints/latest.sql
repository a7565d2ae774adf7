/* ---
path: /latest
description: >
  The newest reading of each device and metric, by the time of the reading; of two of one instant the one that arrived
  later. The device is named for readings of a named device only.
device_parameter: device
parameters:
  name:
    type: list
    of: text
    description: only readings of these names, e.g. Voltage,Current
  device:
    type: list
    of: text
    description: only readings of these devices; default is the device of readings that name none
omit_null: [device]
--- */
-- From one device and metric to the next along the index, then to its newest day: two look-ups each, whatever the
-- history. `distinct on` would read all of it.
with recursive series as (
  (select device, metric_name from silver.int_daily_metric order by device, metric_name limit 1)
  union all
  select next.device, next.metric_name
  from series, lateral (
    select daily.device, daily.metric_name
    from silver.int_daily_metric as daily
    where (daily.device, daily.metric_name) > (series.device, series.metric_name)
    order by daily.device, daily.metric_name
    limit 1
  ) as next
)
select
  reading_date::timestamp at time zone 'UTC' + last_reading[1] * interval '1 second' as time,
  metric_name as name,
  last_reading[3] as value,
  nullif(device, 'default') as device
from series, lateral (
  select daily.reading_date, daily.last_reading
  from silver.int_daily_metric as daily
  where daily.device = series.device and daily.metric_name = series.metric_name
  order by daily.reading_date desc
  limit 1
) as newest
where (:name is null or metric_name = any(:name))
  and (:device is null or device = any(:device))
order by metric_name, series.device
