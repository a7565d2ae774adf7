/* ---
path: /power
description: >
  Power per UTC day and device, mean voltage times mean current of the day. A day that lacks either has none. The device
  is named for readings of a named device only.
device_parameter: device
parameters:
  from:
    type: date
    required: true
    description: first day, an ISO date
    example: 2022-04-14
  to:
    type: date
    required: true
    not_before: from
    description: last day, itself included
    example: 2022-04-14
  device:
    type: list
    of: text
    description: only these devices; default is the device of readings that name none
limit: { maximum: 10000 }
omit_null: [device]
--- */
select
  reading_date as date,
  nullif(device, 'default') as device,
  -- A product of two averages can lie where no float8 is: above, it has no JSON number; below, it is next to nothing.
  case
    when abs(metric_value) < 5e-324 then 0
    when abs(metric_value) <= 1.7976931348623157e308 then metric_value::float8
  end as power
from gold.mart_daily_power
where reading_date between :from and :to
  and (:device is null or device = any(:device))
order by reading_date, mart_daily_power.device
