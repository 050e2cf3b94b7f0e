-- One row per local authority, period, indicator and breakdown. What is counted in January of a school year (202425)
-- and what is counted over a calendar year (2024) come of one return, that of the January (2025).
select
    la_code,
    time_period,
    indicator,
    value,
    mark,
    case
        when regexp_full_match(time_period, '20[0-9]{4}') then ('20' || right(time_period, 2))::integer
        when regexp_full_match(time_period, '20[0-9]{2}') then time_period::integer + 1
    end as return_year,
    case
        when breakdown like 'All %' or breakdown like 'New %' then 'all'
        else regexp_replace(lower(breakdown), '^aged? ', '')
    end as age,
    {{ lineage(['la_code', 'time_period', 'indicator', 'breakdown']) }}
from {{ source('landing', 'dfe_ehc_plans__figure') }}
qualify {{ is_latest_record(['la_code', 'time_period', 'indicator', 'breakdown']) }}
