/* ---
path: /data
description: >
  Readings of a range of time, in order of time, then the power of each day and device the range touches. A day
  belongs to the range when any part of it does; its power is that of the whole day, at midnight UTC. The device is
  named for readings of a named device only.
device_parameter: device
parameters:
  from:
    type: timestamp
    required: true
    description: start of the range, an ISO date or date-time; without an offset it is UTC
    example: 2022-04-14
  to:
    type: timestamp
    required: true
    end_of_day: true
    not_before: from
    description: end of the range, itself included; a date includes that whole day
    example: 2022-04-14
  name:
    type: text
    description: only items of this name, e.g. Voltage or Power
  device:
    type: text
    description: only items of this device; default is the device of readings that name none
omit_null: [device]
limit: { maximum: 10000 }
--- */
(
  select reading_time as time, metric_name as name, metric_value as value, nullif(device, 'default') as device
  from silver.stg_readings
  where reading_time between :from and :to
    and (:name is null or metric_name = :name)
    and (:device is null or device = :device)
  order by reading_time, raw_id
)
union all
(
  select
    reading_date::timestamp at time zone 'UTC',
    metric_name,
    -- A product of two averages can lie where no float8 is: above, it has no JSON number; below, it is next to nothing.
    case
      when abs(metric_value) < 5e-324 then 0
      when abs(metric_value) <= 1.7976931348623157e308 then metric_value::float8
    end,
    nullif(device, 'default')
  from gold.mart_daily_power
  where reading_date between (:from at time zone 'UTC')::date and (:to at time zone 'UTC')::date
    and (:name is null or metric_name = :name)
    and (:device is null or device = :device)
  order by reading_date, device
)
