/* ---
description: Power is of days that have both metrics. Looks at the newest hundred, by index, so that its cost does not grow with the history.
--- */
select newest.reading_date, newest.device
from (select reading_date, device from gold.mart_daily_power order by reading_date desc, device desc limit 100) as newest
where 2 <> (
  select count(*)
  from silver.int_daily_metric as daily
  where daily.reading_date = newest.reading_date and daily.device = newest.device and daily.metric_name in ('Voltage', 'Current')
)
